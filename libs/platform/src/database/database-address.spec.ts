import { describe, expect, it } from 'vitest';
import { parseDatabaseAddress } from './database-address.js';

describe('parseDatabaseAddress', () => {
  it.each([
    ['verify-full', true],
    ['verify-ca', true],
    ['require', true],
    ['prefer', false],
    ['no-verify', false],
  ])('sslmode=%s says itself whether the server is verified', (mode, isVerified) => {
    const { hosts } = parseDatabaseAddress(`postgres://a@b.example/c?sslmode=${mode}`);
    expect(hosts).toMatchObject([{ ssl: { rejectUnauthorized: isVerified } }]);
  });
});
