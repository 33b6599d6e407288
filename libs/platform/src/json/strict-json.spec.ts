import { describe, expect, it } from 'vitest';
import { InvalidJson, parseStrictJson } from './strict-json.js';

describe('parseStrictJson', () => {
  it.each([
    '{}',
    'null',
    '[1,-0.5,1e3,9007199254740991]',
    '{"a":{"b":"c:\\"d\\":"},"b":[{"a":1},{"a":2}]}',
    '{"name":"Zoë 😀 \\ud83d\\ude00"}',
    `${'['.repeat(32)}${']'.repeat(32)}`,
  ])('accepts %s', (text) => {
    expect(parseStrictJson(text)).toEqual(JSON.parse(text));
    expect(parseStrictJson(Buffer.from(text))).toEqual(JSON.parse(text));
  });

  it.each([
    ['', 'syntax'],
    ['{} {}', 'syntax'],
    ['{}\0', 'syntax'],
    ['\ufeff{}', 'syntax'],
    ['{"a":01}', 'syntax'],
    ["{'a':1}", 'syntax'],
    ['{"a":1,}', 'syntax'],
    ['{"a":NaN}', 'syntax'],
    ['{"a":"\n"}', 'syntax'],
    ['{"a":1,"a":1}', 'duplicate-member'],
    ['{"a":1,"\\u0061":2}', 'duplicate-member'],
    ['[{"a":{"b":[{"c":1,"c":2}]}}]', 'duplicate-member'],
    ['{"a":"\\u0000"}', 'text'],
    ['{"a\\u0000":1}', 'text'],
    ['["\\u001b[2J"]', 'text'],
    ['["a\\nb"]', 'text'],
    ['["\\ud800"]', 'text'],
    ['{"\\udc00":1}', 'text'],
    ['{"__proto__":{}}', 'text'],
    ['{"\\u005f_proto__":{}}', 'text'],
    ['[1e999]', 'number'],
    ['[-1e999]', 'number'],
    ['[9007199254740993]', 'number'],
    [`${'['.repeat(33)}${']'.repeat(33)}`, 'depth'],
    [`${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`, 'depth'],
  ])('refuses %j', (text, reason) => {
    expect(() => parseStrictJson(text)).toThrow(expect.objectContaining({ reason }) as InvalidJson);
  });

  it.each([[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]])(
    'refuses the bytes %o, which are not UTF-8',
    (...bytes) => {
      const source = Buffer.concat([Buffer.from('["'), Buffer.from(bytes), Buffer.from('"]')]);
      expect(() => parseStrictJson(source)).toThrow('is not valid UTF-8');
    },
  );
});
