import { verify as verifyByPackage } from 'passport-azure-ad/lib/jsonWebToken.js';
import { describe, expect, it } from 'vitest';
import { settingsFrom } from '../../testing/settings.js';
import { AUDIENCE, TestIssuer, testKey } from '../../testing/test-issuer.js';
import type { EntraSettings } from '../../settings/entra-settings.js';
import { EntraBearerStrategy } from './entra-bearer-strategy.js';
import type { IssuerKey } from '../../keys/jwks-cache.js';
import { TokenRejected } from '../../errors.js';

const issuer = new TestIssuer(() => Date.now());
const otherKey = testKey('first');
const key = issuerKeyOf(issuer.current);
const strategy = new EntraBearerStrategy(entraSettings());

function entraSettings(): EntraSettings {
  const { entra } = settingsFrom();
  if (entra === undefined) throw new Error('no Entra settings');
  return entra;
}

function issuerKeyOf({ keyId, publicKey }: typeof otherKey): IssuerKey {
  return {
    issuer: issuer.issuer,
    key: { keyId, algorithm: 'RS256', publicKey, issuerTemplate: undefined },
  };
}

async function isValid(token: string, by = key): Promise<boolean> {
  return strategy.verify(token, by).then(
    () => true,
    (error: unknown) => {
      if (error instanceof TokenRejected && error.reason === 'signature') return false;
      throw error;
    },
  );
}

async function isValidForPackage(token: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const options = {
    algorithms: ['RS256'],
    audience: [AUDIENCE],
    issuer: issuer.issuer,
    isAccessToken: true as const,
    clockSkew: 300,
  };
  verifyByPackage(token, key.key.publicKey, options, (error) => {
    resolve(error === null);
  });
  return promise;
}

/** The token with one character of a segment replaced. */
function altered(token: string, segment: 0 | 1 | 2, position: number): string {
  const parts = token.split('.');
  const text = parts[segment] ?? '';
  const at = position % text.length;
  parts[segment] = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
  return parts.join('.');
}

describe('EntraBearerStrategy', () => {
  it('accepts signatures of the key and rejects those of another, as the package does', async () => {
    const token = issuer.token();
    const forged = issuer.token({}, {}, otherKey);
    expect([await isValid(token), await isValidForPackage(token)]).toEqual([true, true]);
    expect([await isValid(forged), await isValidForPackage(forged)]).toEqual([false, false]);
    expect(await isValid(forged, issuerKeyOf(otherKey))).toBe(true);
  });

  it('rejects a token with any character changed, as the package does', async () => {
    const token = issuer.token();
    for (const segment of [0, 1, 2] as const)
      for (let position = 0; position < 300; position += 7) {
        const changed = altered(token, segment, position);
        const results = [await isValid(changed), await isValidForPackage(changed)];
        expect(results, changed).toEqual([false, false]);
      }
  });

  it('keeps concurrent attempts apart', async () => {
    const attempts = Array.from({ length: 50 }, (_none, number) =>
      number % 2 === 0 ? issuer.token() : issuer.token({}, {}, otherKey),
    );
    const results = await Promise.all(attempts.map(async (token) => isValid(token)));
    expect(results).toEqual(attempts.map((_token, number) => number % 2 === 0));
  });

  it('rejects an empty token, which the package drops before verification', async () => {
    expect(await isValid('')).toBe(false);
  });
});
