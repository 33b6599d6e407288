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

function expectDuplicates(text: string, isThere: boolean): void {
  expect(hasDuplicateKeys(text, JSON.parse(text)), text).toBe(isThere);
}

describe('hasDuplicateMembers', () => {
  it('finds none in what was written out of an object, however it is spaced', () => {
    fc.assert(
      fc.property(json, space, (value, gap) => {
        expectDuplicates(JSON.stringify(value, null, gap), false);
      }),
    );
  });

  it('finds a name that stands twice, wherever, however spaced and whatever stands beside it', () => {
    const twice = fc.tuple(texts, json, json, space, json);
    fc.assert(
      fc.property(twice, ([name, first, second, gap, beside]) => {
        const key = JSON.stringify(name);
        const members = [first, second].map(
          (value) => `${key}${gap}:${gap}${JSON.stringify(value)}`,
        );
        expectDuplicates(`{"x":[${JSON.stringify(beside)},{${members.join(',')}}]}`, true);
      }),
    );
  });
});
