import { describe, expect, it } from 'vitest';
import { nameFault } from './name-fault.js';

const GUID = '5d3f0c5e-8b1a-4c57-9f0e-2a7c61d40001';

describe('nameFault', () => {
  it.each([
    ...[GUID, 'auth0|507f1f77bcf86cd799439011', 'https://id.example.com/users/7', 'María José'],
    ...['میشود', 'می\u200cشود', 'PDF\u200cها', 'क्\u200dष', 'അവന\u0d4d\u200d', '王小明'],
    ...['👩\u200d💻', '❤\ufe0f\u200d🔥', '1\ufe0f\u20e3', 'x'.repeat(256), '😀'.repeat(128)],
  ])('takes %j for a name', (text) => {
    expect(nameFault(text)).toBeUndefined();
  });

  it.each<readonly [string, string]>([
    ['must not be empty', ''],
    ['must have at most 256 characters', 'x'.repeat(257)],
    ['must not begin or end with a space', ' u1'],
    ['must not begin or end with a space', 'u1 '],
    ['must not begin or end with a space', '\ufeffu1'],
    ['must not hold spaces other than U+0020', 'u\u00a01'],
    ...[
      ...[
        'u\u200d1',
        'u1\u200d',
        '\u200cu1',
        'ها\u200c\u200cها',
        'u\ufe0f1',
        'u\u00ad1',
        'u\u200b1',
      ],
      ...['\u202eu1', 'u\u2066\u06281', 'u\u0000', 'u\u3164x', 'u\ue000', 'u\ud800', 'u\u20281'],
    ].map((text) => ['must not hold control or invisible characters', text] as const),
    ['must be the id as tokens have it, without braces', `{${GUID}}`],
    ['must be the id as tokens have it, without braces', `\uff15${GUID.slice(1)}`],
  ])('%s: %j', (fault, text) => {
    expect(nameFault(text)).toBe(fault);
  });
});
