import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { faultMessage } from './fault-message.js';

describe('faultMessage', () => {
  it.each<[z.ZodType, unknown, string]>([
    [z.string(), undefined, 'is missing'],
    [z.string(), ['a', 'b'], 'must be a text'],
    [z.int(), 'a', 'must be a number'],
    [z.int(), 1.5, 'must be a whole number'],
    [z.strictObject({}), 'a', 'must be an object'],
    [z.enum(['user', 'bot']), 'group', 'must be one of user, bot'],
    [z.literal(true), false, 'must be true'],
    [z.uuid(), 'a', 'must be a UUID'],
    [z.string().regex(/^a+$/), 'b', 'must be of the form that the description of the API has'],
    [z.string().min(3), 'a', 'must have at least 3 characters'],
    [z.array(z.string()).max(1), ['a', 'b'], 'must have at most 1 values'],
    [z.int().max(1440), 1441, 'must be at most 1440'],
    [
      z.union([z.string(), z.int()]),
      true,
      'must be of one of the forms that the description of the API has',
    ],
    [z.string().regex(/^a+$/, 'must be the letter a'), 'b', 'must be the letter a'],
  ])('has no type and no regular expression of the library: %#', (schema, value, message) => {
    expect(schema.safeParse(value).error?.issues.map(faultMessage)).toEqual([message]);
  });

  it('names unknown members', () => {
    const { error } = z.strictObject({}).safeParse({ colour: 'red' });
    expect(error?.issues.map(faultMessage)).toEqual(['Unrecognized key: "colour"']);
  });
});
