import type { z } from 'zod';

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};
const FORMATS: Readonly<Record<string, string>> = {
  uuid: 'a UUID',
  datetime: 'a time as in RFC 3339: 2030-01-31T23:59:59Z',
  url: 'a URL',
};
const UNITS: Readonly<Record<string, string>> = { string: 'characters', array: 'values' };
/** How the messages begin that are zod's own. Those of schemas of this service are no sentences. */
const OF_ZOD = /^(Invalid|Too (small|big)) ?/;

/**
 * What is wrong with a value, for a person. A schema that says nothing of its own would have the message
 * of zod, with its types and regular expressions.
 */
export function faultMessage(issue: z.core.$ZodIssue): string {
  const { message } = issue;
  if (!OF_ZOD.test(message)) return message;
  switch (issue.code) {
    case 'invalid_type':
      if (message.endsWith('received undefined')) return 'is missing';
      return `must be ${TYPES[issue.expected] ?? `of the type ${issue.expected}`}`;
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.join(', ')}`;
    case 'invalid_format':
      return `must be ${FORMATS[issue.format] ?? 'of the form that the description of the API has'}`;
    case 'too_small':
      return limited('at least', issue.minimum, issue.origin);
    case 'too_big':
      return limited('at most', issue.maximum, issue.origin);
    case 'invalid_union':
      return 'must be of one of the forms that the description of the API has';
    case 'not_multiple_of':
    case 'unrecognized_keys':
    case 'invalid_key':
    case 'invalid_element':
    case 'custom':
      return 'is not valid';
    default:
      return issue satisfies never;
  }
}

function limited(bound: string, limit: number | bigint, origin: string): string {
  const unit = UNITS[origin];
  return unit === undefined ? `must be ${bound} ${limit}` : `must have ${bound} ${limit} ${unit}`;
}
