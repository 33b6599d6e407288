import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { settingsFrom } from '../testing/settings.js';
import { publicJwk, TestIssuer, testKey } from '../testing/test-issuer.js';
import { IdentityProviderUnavailable } from '../errors.js';
import { JwksCache } from './jwks-cache.js';
import { MemoryMetadataSource } from '../testing/memory-metadata-source.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const first = testKey('first');
const second = testKey('second');
const short = testKey('short', 1024);

let clock: ManualClock;
let source: MemoryMetadataSource;
let issuer: TestIssuer;
let keys: JwksCache;
let logger: MemoryLogger;

function cacheWith(refreshMinutes: number, maxAgeMinutes: number): JwksCache {
  const { keys: settings } = settingsFrom({
    AUTHENTICATION_KEYS_REFRESH_MINUTES: String(refreshMinutes),
    AUTHENTICATION_KEYS_MAX_AGE_MINUTES: String(maxAgeMinutes),
    AUTHENTICATION_KEYS_COOLDOWN_SECONDS: '5',
  });
  const expected = { isIssuer: (name: string) => name === issuer.issuer, algorithms: ['RS256'] };
  return new JwksCache(issuer.documentUrl, expected, { source, clock, logger, settings });
}

beforeEach(() => {
  clock = new ManualClock();
  source = new MemoryMetadataSource();
  logger = new MemoryLogger();
  issuer = new TestIssuer(() => clock.now(), { key: first });
  issuer.publish(source);
  keys = cacheWith(60, 120);
});

function rotate(): void {
  issuer.keys.push(second);
  issuer.publish(source);
}

describe('JwksCache', () => {
  it('shares one load between concurrent callers', async () => {
    const found = await Promise.all(
      Array.from({ length: 50 }, async () => keys.find('first', 'RS256')),
    );
    expect(found.every((key) => key?.keyId === 'first')).toBe(true);
    expect(source.loads).toEqual([issuer.documentUrl, issuer.keysUrl]);
  });

  it('loads at once for an unknown key id after the cooldown', async () => {
    await keys.find('first', 'RS256');
    await clock.advance(5_000);
    rotate();
    expect((await keys.find('second', 'RS256'))?.keyId).toBe('second');
  });

  it('finds a key added within the cooldown, without a delay for known keys', async () => {
    await keys.find('first', 'RS256');
    rotate();
    const waiting = Promise.all([keys.find('second', 'RS256'), keys.find('second', 'RS256')]);
    expect((await keys.find('first', 'RS256'))?.keyId).toBe('first');
    await clock.advance(5_000);
    expect((await waiting).map((key) => key?.keyId)).toEqual(['second', 'second']);
    expect(source.loads).toHaveLength(4);
  });

  it('loads at most once in each cooldown, for any number of unknown key ids', async () => {
    await keys.find('first', 'RS256');
    let notFound = 0;
    for (let second = 0; second < 60; second += 1) {
      for (let number = 0; number < 20; number += 1)
        void keys.find(`unknown ${second} ${number}`, 'RS256').then((key) => {
          if (key === undefined) notFound += 1;
        });
      await clock.advance(1_000);
    }
    await clock.advance(5_000);
    expect(notFound).toBe(1_200);
    expect(source.loads.length / 2).toBeLessThanOrEqual(1 + 65 / 5);
  });

  it('serves cached keys during an outage up to their maximum age, then is unavailable', async () => {
    await keys.find('first', 'RS256');
    source.documents.clear();
    await clock.advance(120 * MINUTE_MS);
    expect((await keys.find('first', 'RS256'))?.keyId).toBe('first');
    await expect(keys.find('unknown', 'RS256')).rejects.toBeInstanceOf(IdentityProviderUnavailable);
    await clock.advance(1);
    await expect(keys.find('first', 'RS256')).rejects.toMatchObject({ retryAfterSeconds: 5 });
    issuer.publish(source);
    await clock.advance(5_000);
    expect((await keys.find('first', 'RS256'))?.keyId).toBe('first');
  });

  it('refreshes in the background, so that a new key is cached before its first use', async () => {
    keys.start();
    await clock.advance(0);
    rotate();
    await clock.advance(60 * MINUTE_MS);
    const loads = source.loads.length;
    expect((await keys.find('second', 'RS256'))?.keyId).toBe('second');
    expect(source.loads).toHaveLength(loads);
    await keys.stop();
  });

  it.each([1, 30, 60])(
    'is never without keys of a healthy issuer, with a maximum age of %i minutes and a refresh every 60',
    async (maxAgeMinutes) => {
      const own = cacheWith(60, maxAgeMinutes);
      own.start();
      await clock.advance(0);
      for (let minute = 0; minute < 130; minute += 0.25) {
        expect(own.isReady, `after ${minute} minutes`).toBe(true);
        await clock.advance(MINUTE_MS / 4);
      }
      await own.stop();
    },
  );

  it('finds a new key at once, and lets no key get older, when a clock that was ahead is set back', async () => {
    clock.step(HOUR_MS);
    await keys.find('first', 'RS256');
    clock.step(-HOUR_MS);
    await clock.advance(5_000);
    rotate();
    expect((await keys.find('second', 'RS256'))?.keyId).toBe('second');
    source.documents.clear();
    await clock.advance(120 * MINUTE_MS + 1);
    await expect(keys.find('first', 'RS256')).rejects.toMatchObject({ retryAfterSeconds: 5 });
  });

  it.each<[string, unknown, unknown]>([
    ['is not an object', 'text', undefined],
    ['has no jwks_uri', { issuer: 'https://login.test/x/v2.0' }, undefined],
    [
      'names another issuer',
      { issuer: 'https://evil.test', jwks_uri: 'https://login.test/k' },
      undefined,
    ],
    ['has a jwks_uri over http', { jwks_uri: 'http://login.test/k' }, undefined],
    ['has keys that are not a list', undefined, { keys: 'x' }],
    ['has no keys', undefined, { keys: [] }],
    ['has only short keys', undefined, { keys: [publicJwk(short)] }],
    [
      'has only keys for other algorithms',
      undefined,
      { keys: [publicJwk(first, { alg: 'PS256' })] },
    ],
    ['has only encryption keys', undefined, { keys: [publicJwk(first, { use: 'enc' })] }],
    ['has only keys with a small exponent', undefined, { keys: [publicJwk(first, { e: 'Aw' })] }],
    [
      'repeats a key id',
      undefined,
      { keys: [publicJwk(first), publicJwk(second, { kid: 'first' })] },
    ],
  ])('keeps the cached keys when the metadata %s', async (_case, document, keySet) => {
    await keys.find('first', 'RS256');
    if (document !== undefined) source.documents.set(issuer.documentUrl, document);
    if (keySet !== undefined) source.documents.set(issuer.keysUrl, keySet);
    await clock.advance(10_000);
    await expect(keys.find('second', 'RS256')).rejects.toBeInstanceOf(IdentityProviderUnavailable);
    expect((await keys.find('first', 'RS256'))?.keyId).toBe('first');
  });

  it('takes identical repeats of a key for one key', async () => {
    source.documents.set(issuer.keysUrl, { keys: [publicJwk(first), publicJwk(first)] });
    expect((await keys.find('first', 'RS256'))?.keyId).toBe('first');
  });

  it('ignores only the keys that share an id, and names them in the log', async () => {
    const another = publicJwk(second, { kid: 'first' });
    source.documents.set(issuer.keysUrl, {
      keys: [publicJwk(first), another, publicJwk(first), publicJwk(second)],
    });
    expect((await keys.find('second', 'RS256'))?.keyId).toBe('second');
    const missing = keys.find('first', 'RS256');
    await clock.advance(5_000);
    expect(await missing).toBeUndefined();
    expect(logger.lines).toContainEqual({
      level: 'warn',
      message: 'different signing keys with one key id are ignored',
      fields: { documentUrl: issuer.documentUrl, keyIds: ['first'] },
    });
  });
});
