import { describe, expect, it } from 'vitest';
import { isFormula } from './csv.js';

/** Every sign of Unicode that is a form of one of these. */
const SIGNS = Array.from({ length: 0x110000 }, (_, code) => code)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code))
  .filter((sign) => /^[=+\-@\u2212]/.test(sign.normalize('NFKC')));

const BEFORE = [
  '',
  ' ',
  '   ',
  "'",
  "'' ",
  '\t',
  '\r',
  '\n',
  '\r\n',
  '\v',
  '\f',
  '\0',
  '\u0085',
  '\u00a0',
  '\u00ad',
  '\u034f',
  '\u115f',
  '\u180e',
  '\u2003',
  '\u200b',
  '\u200d',
  '\u2028',
  '\u202e',
  '\u2060',
  '\u2800',
  '\u3000',
  '\u3164',
  '\ufe0f',
  '\ufeff',
  '\u{e0020}',
  " '\u200b \u00a0",
];

describe('isFormula', () => {
  it('finds every form of the signs behind everything that is trimmed or can’t be seen', () => {
    expect(SIGNS).toEqual(
      expect.arrayContaining(['=', '＝', '＋', '－', '＠', '﹦', '⁺', '₋', '﹫']),
    );
    const missed = SIGNS.flatMap((sign) =>
      BEFORE.map((before) => `${before}${sign}cmd|'/c calc'!A0`).filter((text) => !isFormula(text)),
    );
    expect(missed).toEqual([]);
  });

  it('finds cells that begin with a line break or a tab', () => {
    for (const start of ['\t', '\n', '\r', "'\t"]) expect(isFormula(`${start}text`)).toBe(true);
  });

  it.each([
    '',
    'plain',
    ' plain',
    "'plain",
    'a=b',
    '8:acs:1_2',
    '198.51.100.7',
    '{"a":1}',
    '日本',
    '🧑‍🚀',
  ])('leaves %j as it is', (text) => {
    expect(isFormula(text)).toBe(false);
  });
});
