import { describe, expect, it, vi } from 'vitest';
import { PinoLogger } from './pino-logger.js';

function logged(fields: object, message = 'something happened'): string {
  const lines: string[] = [];
  new PinoLogger('debug', { write: (line: string) => void lines.push(line) }).info(fields, message);
  return lines.join('');
}

describe('PinoLogger', () => {
  it('writes one JSON object per line, with the fields beside the message', () => {
    const line = logged({ tenant: 'contoso', durationMs: 3 });
    expect(JSON.parse(line)).toMatchObject({
      level: 'info',
      message: 'something happened',
      tenant: 'contoso',
      durationMs: 3,
    });
    expect(line.endsWith('\n')).toBe(true);
  });

  it.each([
    ['a token', 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl', 'c2lnbmF0dXJl'],
    [
      'a token without its signature',
      'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9',
      'eyJzdWIiOiJhbGljZSJ9',
    ],
    ['a bearer header', 'Bearer opaque-token-value', 'opaque-token-value'],
    ['a connection string', 'endpoint=https://a.example/;accesskey=c2VjcmV0', 'c2VjcmV0'],
    ['a signature', 'HMAC-SHA256 SignedHeaders=x;Signature=abc', 'Signature'],
    ['an e-mail address', 'user "alice.s@corp.example" has no login', 'alice.s'],
    ['a database password', 'postgres://service:hunter2@db.example/identity', 'hunter2'],
  ])('masks %s in any place of a line', (_what, text, secret) => {
    expect(logged({ deep: { text } })).not.toContain(secret);
    expect(logged({}, text)).not.toContain(secret);
    expect(logged({ error: new Error(text) })).not.toContain(secret);
  });

  it('leaves out the value that PostgreSQL refuses, and not the name of a table', () => {
    const ofValue = Object.assign(new Error('invalid syntax: "Alice"'), { code: '22P02' });
    expect(logged({ error: ofValue })).not.toContain('Alice');
    const ofTable = Object.assign(new Error('no relation "mapping"'), { code: '42P01' });
    expect(logged({ error: ofTable })).toContain('mapping');
  });

  it('writes valid JSON after masking', () => {
    const line = logged({ text: 'Bearer abc", "level":"error' });
    expect(JSON.parse(line)).toMatchObject({ level: 'info' });
  });
});

/** An error with a stack of many frames, at the end of a chain of causes. */
function chain(length: number): Error {
  let error = new Error('the first '.repeat(10_000));
  error.stack = `Error: x\n${'    at deep (file.js:1:1)\n'.repeat(10_000)}`;
  for (let n = 0; n < length; n += 1) error = new Error(`number ${n}`, { cause: error });
  return error;
}

function circular(): object {
  const error = new Error('circular');
  error.cause = error;
  const fields: Record<string, unknown> = { error };
  fields.self = fields;
  return fields;
}

class Hostile {
  get secret(): string {
    throw new Error('not readable');
  }
  toJSON(): never {
    throw new Error('not serializable');
  }
}

const hugeFields: readonly (readonly [string, object])[] = [
  ['a long text', { text: 'a'.repeat(10_000_000) }],
  ['a long name', { ['n'.repeat(1_000_000)]: 1 }],
  ['a text that grows when it is escaped', { text: '\u0000"\\'.repeat(100_000) }],
  ['many texts', { texts: Array.from({ length: 10_000 }, () => 'b'.repeat(10_000)) }],
  ['many members', Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`m${n}`, n]))],
  ['wide and deep', JSON.parse(`${'[['.repeat(3_000)}${']]'.repeat(3_000)}`) as object],
  ['a chain of causes', { error: chain(1_000) }],
  ['a chain in another member', { cause: chain(1_000) }],
  [
    'errors of one that stands for several',
    {
      error: new AggregateError(
        Array.from({ length: 5_000 }, () => chain(20)),
        'all',
      ),
    },
  ],
  [
    'nested errors that stand for several',
    {
      error: new AggregateError(
        Array.from(
          { length: 50 },
          () => new AggregateError(Array.from({ length: 50 }, () => chain(5))),
        ),
      ),
    },
  ],
  ['circles', circular()],
  ['a buffer', { body: Buffer.alloc(1_000_000) }],
  ['a map and a set', { map: new Map([['k', 'v'.repeat(1e6)]]), set: new Set(['w'.repeat(1e6)]) }],
  ['an object that cannot be read', { hostile: new Hostile(), big: 1n }],
];

describe('the size of a line', () => {
  it.each(hugeFields)('is bounded for %s', (_what, fields) => {
    const line = logged(fields, 'm'.repeat(100_000));
    expect(line.length).toBeLessThan(64_000);
    expect(JSON.parse(line)).toMatchObject({ level: 'info' });
  });

  it('is below 16 KB for text without characters to escape', () => {
    for (const [what, fields] of hugeFields.filter(([name]) => !name.includes('escaped')))
      expect(logged(fields).length, what).toBeLessThan(16_000);
  });

  it('keeps the names, messages and codes of an error and its causes, and says what was cut', () => {
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    const line = logged({ error: new TypeError('failed', { cause }), text: 'a'.repeat(5_000) });
    expect(JSON.parse(line)).toMatchObject({
      error: {
        name: 'TypeError',
        message: 'failed',
        cause: { message: 'refused', code: 'ECONNREFUSED' },
      },
    });
    expect(line).toContain('(5000 characters)');
  });

  it('has a repeated stack once', () => {
    const error = chain(0);
    const other = new Error('other', { cause: error });
    other.stack = error.stack ?? '';
    expect(logged({ error: other }).split('"stack"')).toHaveLength(2);
  });

  it('leaves no part of a secret where a text is cut', () => {
    for (let before = 900; before < 1_100; before += 1) {
      const text = `${'x'.repeat(before)} postgres://service:hunter2hunter2@db.example/identity`;
      expect(logged({ text })).not.toContain('hunter2');
    }
  });
});

describe('a flood of the same error', () => {
  it('has a bounded number of lines, and one with the exact count of the others', () => {
    vi.useFakeTimers();
    try {
      const lines: string[] = [];
      const logger = new PinoLogger('info', { write: (line: string) => void lines.push(line) });
      for (let n = 0; n < 12_000; n += 1)
        logger.error({ requestId: `request-${n}`, cause: chain(3) }, 'request failed');
      logger.error({ requestId: 'other' }, 'something else');
      vi.advanceTimersByTime(10_000);
      expect(lines.length).toBe(22);
      expect(lines.join('').length).toBeLessThan(250_000);
      const last = JSON.parse(lines.at(-1) ?? '') as { count: number };
      expect(last).toMatchObject({
        level: 'error',
        message: 'lines left out',
        of: 'request failed',
        error: 'Error',
        count: 11_980,
      });
    } finally {
      vi.useRealTimers();
    }
  });

  it('writes open counts when it is flushed', () => {
    const lines: string[] = [];
    const logger = new PinoLogger('info', { write: (line: string) => void lines.push(line) });
    for (let n = 0; n < 30; n += 1) logger.warn({ n }, 'repeated');
    logger.flush();
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ level: 'warn', count: 10 });
  });
});
