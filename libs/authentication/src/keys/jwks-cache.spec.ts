import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, MemoryLogger } from '#libs/platform';
import { settingsFrom } from '../testing/settings.js';
import { published, TestIssuer, testKey } from '../testing/test-issuer.js';
import { IdentityProviderUnavailable } from '../errors.js';
import { JwksCache } from './jwks-cache.js';
import { MemoryMetadataSource } from './metadata-source.js';

const MINUTE_MS = 60_000;
const first = testKey('first');
const second = testKey('second');
const short = testKey('short', 1024);

let clock: ManualClock;
let source: MemoryMetadataSource;
let issuer: TestIssuer;
let keys: JwksCache;

beforeEach(() => {
  clock = new ManualClock();
  source = new MemoryMetadataSource();
  issuer = new TestIssuer(() => clock.now(), undefined, undefined, undefined, first);
  issuer.publish(source);
  const settings = settingsFrom({
    AUTHENTICATION_KEYS_REFRESH_MINUTES: '60',
    AUTHENTICATION_KEYS_MAX_AGE_MINUTES: '120',
    AUTHENTICATION_KEYS_COOLDOWN_SECONDS: '5',
  });
  keys = new JwksCache(issuer.documentUrl, (name) => name === issuer.issuer, {
    source,
    clock,
    logger: new MemoryLogger(),
    settings: settings.keys,
  });
});

function rotate(): void {
  issuer.keys.push(second);
  issuer.publish(source);
}

describe('JwksCache', () => {
  it('loads once for all who ask at the same time', async () => {
    const found = await Promise.all(Array.from({ length: 50 }, async () => keys.find('first')));
    expect(found.every((key) => key?.keyId === 'first')).toBe(true);
    expect(source.loads).toEqual([issuer.documentUrl, issuer.keysUrl]);
  });

  it('loads anew at once for a key id that came into use after the cooldown', async () => {
    await keys.find('first');
    await clock.advance(5_000);
    rotate();
    expect((await keys.find('second'))?.keyId).toBe('second');
  });

  it('finds a key that came into use within the cooldown, and delays no one else for it', async () => {
    await keys.find('first');
    rotate();
    const waiting = Promise.all([keys.find('second'), keys.find('second')]);
    expect((await keys.find('first'))?.keyId).toBe('first');
    await clock.advance(5_000);
    expect((await waiting).map((key) => key?.keyId)).toEqual(['second', 'second']);
    expect(source.loads).toHaveLength(4);
  });

  it('asks at most once in each cooldown, however many unknown key ids come in', async () => {
    await keys.find('first');
    let answered = 0;
    for (let second = 0; second < 60; second += 1) {
      for (let number = 0; number < 20; number += 1)
        void keys.find(`bogus ${second} ${number}`).then((key) => {
          if (key === undefined) answered += 1;
        });
      await clock.advance(1_000);
    }
    await clock.advance(5_000);
    expect(answered).toBe(1_200);
    expect(source.loads.length / 2).toBeLessThanOrEqual(1 + 65 / 5);
  });

  it('serves known keys through an outage up to their greatest age, then says it can’t tell', async () => {
    await keys.find('first');
    source.documents.clear();
    await clock.advance(120 * MINUTE_MS);
    expect((await keys.find('first'))?.keyId).toBe('first');
    await expect(keys.find('unknown')).rejects.toBeInstanceOf(IdentityProviderUnavailable);
    await clock.advance(1);
    await expect(keys.find('first')).rejects.toMatchObject({ retryAfterSeconds: 5 });
    issuer.publish(source);
    await clock.advance(5_000);
    expect((await keys.find('first'))?.keyId).toBe('first');
  });

  it('loads anew in the background: a new key is there before it is asked for', async () => {
    const stop = new AbortController();
    const loop = keys.keepFresh(stop.signal);
    await clock.advance(0);
    rotate();
    await clock.advance(60 * MINUTE_MS);
    const loads = source.loads.length;
    expect((await keys.find('second'))?.keyId).toBe('second');
    expect(source.loads).toHaveLength(loads);
    stop.abort();
    await loop;
  });

  it.each<[string, unknown, unknown]>([
    ['is no object', 'text', undefined],
    ['lacks the address of the keys', { issuer: 'https://login.test/x/v2.0' }, undefined],
    [
      'names another issuer',
      { issuer: 'https://evil.test', jwks_uri: 'https://login.test/k' },
      undefined,
    ],
    ['sends to plain http', { jwks_uri: 'http://login.test/k' }, undefined],
    ['has keys that are no list', undefined, { keys: 'x' }],
    ['has no keys', undefined, { keys: [] }],
    ['has only keys that are too short', undefined, { keys: [published(short)] }],
    ['has only keys for encryption', undefined, { keys: [published(first, { use: 'enc' })] }],
    ['has only keys with a weak exponent', undefined, { keys: [published(first, { e: 'Aw' })] }],
    [
      'has a key id twice',
      undefined,
      { keys: [published(first), published(second, { kid: 'first' })] },
    ],
  ])('keeps the last good keys when metadata %s', async (_case, document, keySet) => {
    await keys.find('first');
    if (document !== undefined) source.documents.set(issuer.documentUrl, document);
    if (keySet !== undefined) source.documents.set(issuer.keysUrl, keySet);
    await clock.advance(10_000);
    await expect(keys.find('second')).rejects.toBeInstanceOf(IdentityProviderUnavailable);
    expect((await keys.find('first'))?.keyId).toBe('first');
  });
});
