import { verify as verifyByPackage } from 'passport-azure-ad/lib/jsonWebToken.js';
import { describe, expect, it } from 'vitest';
import { settingsFrom } from '../../testing/settings.js';
import { AUDIENCE, TestIssuer, testKey } from '../../testing/test-issuer.js';
import type { EntraSettings } from '../../settings.js';
import { EntraBearerStrategy } from './entra-bearer-strategy.js';
import type { IssuerKey } from '../../keys/jwks-cache.js';
import { TokenRejected } from '../../bearer/token-refused.js';

const issuer = new TestIssuer(() => Date.now());
const stranger = testKey('first');
const signer = signerOf(issuer.current);
const strategy = new EntraBearerStrategy(entraSettings());

function entraSettings(): EntraSettings {
  const { entra } = settingsFrom();
  if (entra === undefined) throw new Error('no Entra');
  return entra;
}

function signerOf({ keyId, publicKey }: typeof stranger): IssuerKey {
  return { issuer: issuer.issuer, key: { keyId, key: publicKey, issuer: undefined } };
}

async function isGood(token: string, by = signer): Promise<boolean> {
  return strategy.verify(token, by).then(
    () => true,
    (error: unknown) => {
      if (error instanceof TokenRejected && error.reason === 'signature') return false;
      throw error;
    },
  );
}

async function isGoodToPackage(token: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const options = {
    algorithms: ['RS256'],
    audience: [AUDIENCE],
    issuer: issuer.issuer,
    isAccessToken: true as const,
    clockSkew: 300,
  };
  verifyByPackage(token, signer.key.key, options, (error) => {
    resolve(error === null);
  });
  return promise;
}

/** The token with one character of a segment replaced by another one. */
function altered(token: string, segment: 0 | 1 | 2, position: number): string {
  const parts = token.split('.');
  const text = parts[segment] ?? '';
  const at = position % text.length;
  parts[segment] = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
  return parts.join('.');
}

describe('EntraBearerStrategy', () => {
  it('accepts what the key signed and refuses what another one did, as the package does', async () => {
    const token = issuer.token();
    const forged = issuer.token({}, {}, stranger);
    expect([await isGood(token), await isGoodToPackage(token)]).toEqual([true, true]);
    expect([await isGood(forged), await isGoodToPackage(forged)]).toEqual([false, false]);
    expect(await isGood(forged, signerOf(stranger))).toBe(true);
  });

  it('refuses a token with any character changed, as the package does', async () => {
    const token = issuer.token();
    for (const segment of [0, 1, 2] as const)
      for (let position = 0; position < 300; position += 7) {
        const changed = altered(token, segment, position);
        const verdicts = [await isGood(changed), await isGoodToPackage(changed)];
        expect(verdicts, changed).toEqual([false, false]);
      }
  });

  it('doesn’t mix up attempts that are made at the same time', async () => {
    const attempts = Array.from({ length: 50 }, (_none, number) =>
      number % 2 === 0 ? issuer.token() : issuer.token({}, {}, stranger),
    );
    const verdicts = await Promise.all(attempts.map(async (token) => isGood(token)));
    expect(verdicts).toEqual(attempts.map((_token, number) => number % 2 === 0));
  });

  it('refuses an empty token, which the package drops before it is verified', async () => {
    expect(await isGood('')).toBe(false);
  });
});
