import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasDuplicateKeys } from './duplicate-keys.js';

const space = fc.constantFrom('', ' ', '\n\t');
const texts = fc.constantFrom(':', '":', '\\":', 'a', '{"a":1,"a":2}', 'a\\', '" :', 'é:');
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(1, null, true),
    texts,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(texts, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

function expectDuplicates(text: string, hasDuplicates: boolean): void {
  expect(hasDuplicateKeys(text, JSON.parse(text)), text).toBe(hasDuplicates);
}

describe('hasDuplicateMembers', () => {
  it('finds none in a serialized object, with any white space', () => {
    fc.assert(
      fc.property(json, space, (value, gap) => {
        expectDuplicates(JSON.stringify(value, null, gap), false);
      }),
    );
  });

  it('finds a duplicate key at any depth, with any white space and any neighbour', () => {
    const duplicated = fc.tuple(texts, json, json, space, json);
    fc.assert(
      fc.property(duplicated, ([name, first, second, gap, neighbour]) => {
        const key = JSON.stringify(name);
        const members = [first, second].map(
          (value) => `${key}${gap}:${gap}${JSON.stringify(value)}`,
        );
        expectDuplicates(`{"x":[${JSON.stringify(neighbour)},{${members.join(',')}}]}`, true);
      }),
    );
  });
});
