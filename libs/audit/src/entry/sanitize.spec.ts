import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { escapeControlCharacters, truncate, truncateList } from './sanitize.js';

function mark(text: string): string {
  return `…[cut: ${text.length} characters, sha256 ${hash('sha256', text, 'base64url')}]`;
}

describe('escapeControlCharacters', () => {
  it('escapes unsafe characters and no others', () => {
    expect(escapeControlCharacters('a\r\nb\u202e\ud800 ü 😀 日本')).toBe(
      'a\\u000d\\u000ab\\u202e\\ud800 ü 😀 日本',
    );
  });
});

describe('truncate', () => {
  it.each([
    ['', ''],
    ['ten chars!', 'ten chars!'],
    ['Zoë', 'Zoë'],
    ['line\nend', String.raw`line\u000aend`],
  ])('keeps %j whole when it fits as escaped', (text, expected) => {
    expect(truncate(text, 13)).toBe(expected);
  });

  it('keeps a text of exactly the limit, as given or as escaped', () => {
    expect(truncate('abcde', 5)).toBe('abcde');
    expect(truncate('abcdé', 5)).toBe('abcdé');
    expect(truncate('\n', 6)).toBe(String.raw`\u000a`);
  });

  it('cuts what is longer, and names length and hash of the whole', () => {
    expect(truncate('abcdef', 5)).toBe(`abcde${mark('abcdef')}`);
    expect(truncate('abcdéf', 5)).toBe(`abcdé${mark('abcdéf')}`);
  });

  it('cuts what is longer only as escaped, so that escapes can not exceed the limit', () => {
    expect(truncate('\n', 5)).toBe(String.raw`\u000` + mark('\n'));
    expect(truncate('ab\ncd', 5)).toBe(String.raw`ab\u0` + mark('ab\ncd'));
  });

  it('escapes before it cuts, of what can be in the rest only', () => {
    expect(truncate(`ab${'\n'.repeat(20)}`, 4)).toBe(
      String.raw`ab\u` + mark(`ab${'\n'.repeat(20)}`),
    );
  });

  it('cuts no character in two', () => {
    const cut = truncate('abcd\u{1f600}e', 5);
    expect(cut.isWellFormed()).toBe(true);
    expect(cut).toContain(mark('abcd\u{1f600}e'));
  });
});

describe('truncateList', () => {
  it('keeps a list of exactly the limit', () => {
    expect(truncateList(['a', 'b'], 2, 5)).toEqual(['a', 'b']);
  });

  it('names number and hash of the values of a longer one', () => {
    const values = ['a', 'b', 'c'];
    const digest = hash('sha256', JSON.stringify(values), 'base64url');
    expect(truncateList(values, 2, 5)).toEqual(['a', 'b', `…[cut: 3 values, sha256 ${digest}]`]);
  });
});
