import { describe, expect, it } from 'vitest';
import { otherPostgres, SERVICE } from './other-postgres.js';

const last = { password: 'abc', port: 3446 };

describe('otherPostgres', () => {
  it('is what the shell names, if anything', () => {
    const url = 'postgres://owner:secret@db.test/identity';
    expect(otherPostgres(url, last)).toBe(url);
    expect(otherPostgres(undefined, last)).toBeUndefined();
  });

  it('is not the embedded PostgreSQL of the last start, which the shell has from .local/api.env', () => {
    const url = `postgres://${SERVICE}:abc@127.0.0.1:3446/acs_identity`;
    expect(otherPostgres(url, last)).toBeUndefined();
  });

  it('is refused with the role of the api, from .local/api.env, with the variable to unset', () => {
    for (const host of ['127.0.0.1:3456', 'db.test'])
      expect(() => otherPostgres(`postgres://${SERVICE}:abc@${host}/identity`, last)).toThrow(
        'unset DATABASE_URL',
      );
  });
});
