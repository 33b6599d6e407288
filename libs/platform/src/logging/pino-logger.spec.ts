import { describe, expect, it } from 'vitest';
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
    ['a database password', 'postgres://service:hunter2@db.example/identity', 'hunter2'],
  ])('masks %s in any place of a line', (_what, text, secret) => {
    expect(logged({ deep: { text } })).not.toContain(secret);
    expect(logged({}, text)).not.toContain(secret);
    expect(logged({ error: new Error(text) })).not.toContain(secret);
  });

  it('writes valid JSON after masking', () => {
    const line = logged({ text: 'Bearer abc", "level":"error' });
    expect(JSON.parse(line)).toMatchObject({ level: 'info' });
  });
});
