import type { z } from 'zod';
import { faultMessage } from '../errors/fault-message.js';
import { InvalidJson, parseStrictJson } from '../json/strict-json.js';
import type { StreamLine } from './line-reader.js';

/** An invalid line of a stream. */
export interface LineFault {
  readonly number: number;
  readonly code: string;
  readonly detail: string;
}

/**
 * Reads a line as JSON.
 *
 * @param schemaOf the schema for a value
 */
export function parseJsonLine<T>(
  line: StreamLine,
  schemaOf: (json: unknown) => z.ZodType<T>,
): { readonly data: T } | LineFault {
  const { number } = line;
  if ('problem' in line) return { number, code: 'invalid-line', detail: line.problem };
  const json = parsed(line.text);
  if (json instanceof InvalidJson) {
    const isSyntax = json.reason === 'syntax';
    const detail = isSyntax ? 'the line is not JSON' : `the line ${json.message}`;
    return { number, code: 'invalid-line', detail };
  }
  const result = schemaOf(json).safeParse(json);
  if (result.success) return { data: result.data };
  return { number, code: 'invalid-line', detail: faultsOf(result.error) };
}

function parsed(text: string): unknown {
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (error instanceof InvalidJson) return error;
    throw error;
  }
}

/** Fields and what is wrong with them; values are never repeated. */
function faultsOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 8)
    .map((issue) => [...(issue.path.length > 0 ? [issue.path.join('.')] : []), faultMessage(issue)])
    .map((parts) => parts.join(': '))
    .join('; ')
    .slice(0, 500);
}
