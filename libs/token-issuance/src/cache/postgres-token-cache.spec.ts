import { randomBytes, randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterAll, describe, expect, it } from 'vitest';
import { Database, dataSourceOptions, ManualClock, MemoryLogger } from '#libs/platform';
import { MemorySecretStore } from '#libs/secrets';
import { testDatabase } from '#libs/platform/testing';
import { IssuanceMetrics } from '../metrics.js';
import { PostgresTokenCache } from './postgres-token-cache.js';
import { type CacheSubject, tokenCacheContract } from '../testing/token-cache.contract.js';
import { EnvelopeEncryption } from './envelope-encryption.js';

const NAME = 'token-cache-key';
const closers: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

async function open(): Promise<
  CacheSubject & { database: Database; secrets: MemorySecretStore; logger: MemoryLogger }
> {
  const place = await testDatabase();
  const source = new DataSource(
    dataSourceOptions({ url: place.serviceUrl, poolSize: 4, timeoutMs: 3_000 }),
  );
  closers.push(place.drop, async () => source.destroy());
  const database = new Database(source);
  const clock = new ManualClock();
  const logger = new MemoryLogger();
  const secrets = new MemorySecretStore(clock, { [NAME]: randomBytes(32).toString('base64') });
  const encryption = new EnvelopeEncryption(secrets, { cacheKeySecret: NAME });
  const metrics = new IssuanceMetrics(new Registry(), clock);
  return {
    cache: new PostgresTokenCache(database, encryption, clock, logger, metrics),
    database,
    secrets,
    logger,
    now: () => clock.now(),
    passed: async (minutes) => clock.advance(minutes * 60_000),
    place: async () => {
      const mappingId = randomUUID();
      await database.query(
        `INSERT INTO mapping (id, resource, tenant, subject, kind, status, communication_user_id)
         VALUES ($1, 'default', 'tenant', $2, 'user', 'active', $3)`,
        [mappingId, randomUUID(), `8:acs:${randomUUID()}_${randomUUID()}`],
      );
      return { mappingId, tokenGeneration: 1, policyVersion: 'policy', variant: 'variant' };
    },
  };
}

tokenCacheContract('PostgresTokenCache', open);

describe('PostgresTokenCache', () => {
  const token = (now: number) => ({
    token: 'eyJhbGciOiJSUzI1NiJ9.cGF5bG9hZA.c2lnbmF0dXJl',
    expiresOn: new Date(now + 3_600_000),
    fingerprint: { fingerprint: 'print', fingerprintKey: 'key-1' },
    secretVersion: undefined,
  });

  it.each([
    ['its tokens are revoked', 'token_generation = token_generation + 1'],
    ['it is suspended', `status = 'suspended', token_generation = token_generation + 1`],
    ['its status alone changes', `status = 'suspended'`],
    [
      'it is erased',
      `status = 'deleting', token_generation = token_generation + 1, lease_expires_at = now()`,
    ],
  ])('forgets a mapping’s tokens in the transaction in which %s', async (_what, change) => {
    const { cache, database, now, place } = await open();
    const where = await place();
    await cache.store(where, token(now()));
    await database.query(`UPDATE mapping SET ${change} WHERE id = $1`, [where.mappingId]);
    expect(await database.query('SELECT FROM token_cache')).toEqual([]);
    expect(await cache.find(where)).toBeUndefined();
  });

  it('keeps nothing for a mapping whose tokens were revoked meanwhile', async () => {
    const { cache, database, now, place } = await open();
    const where = await place();
    await database.query('UPDATE mapping SET token_generation = 2 WHERE id = $1', [
      where.mappingId,
    ]);
    await cache.store(where, token(now()));
    expect(await database.query('SELECT FROM token_cache')).toEqual([]);
  });

  it('leaves other changes of a mapping alone', async () => {
    const { cache, database, now, place } = await open();
    const where = await place();
    await cache.store(where, token(now()));
    await database.query(`UPDATE mapping SET display_name = 'A', version = 2 WHERE id = $1`, [
      where.mappingId,
    ]);
    expect(await cache.find(where)).toBeDefined();
  });

  it('sweeps what can’t be handed out any more', async () => {
    const { cache, database, now, passed, place } = await open();
    await cache.store(await place(), token(now()));
    await passed(50);
    await cache.sweep();
    expect(await database.query('SELECT FROM token_cache')).toEqual([]);
  });

  it('opens old tokens after a rotation of the key, and keeps new ones under the new key', async () => {
    const { cache, database, now, place, secrets } = await open();
    const [old, fresh] = [await place(), await place()];
    await cache.store(old, token(now()));
    const version = secrets.put(NAME, randomBytes(32).toString('base64'));
    await cache.store(fresh, token(now()));
    expect((await cache.find(old))?.token).toBe(token(0).token);
    expect((await cache.find(fresh))?.token).toBe(token(0).token);
    const rows = await database.query<{ key_version: string }>(
      'SELECT key_version FROM token_cache WHERE mapping_id = $1',
      [fresh.mappingId],
    );
    expect(rows).toEqual([{ key_version: version }]);
  });

  it('costs a new token and a line in the log, never a request, when the key is away', async () => {
    const { cache, logger, now, place, secrets } = await open();
    const where = await place();
    await cache.store(where, token(now()));
    secrets.remove(NAME);
    expect(await cache.find(where)).toBeUndefined();
    await cache.store(where, token(now()));
    expect(logger.lines.map(({ message }) => message)).toEqual([
      'a cached token could not be read',
      'a token could not be cached',
    ]);
  });

  it('refuses a row that somebody gave to another identity or a longer life', async () => {
    const { cache, database, now, place } = await open();
    const [alice, bob] = [await place(), await place()];
    await cache.store(alice, token(now()));
    await database.query('UPDATE token_cache SET mapping_id = $1', [bob.mappingId]);
    expect(await cache.find(bob)).toBeUndefined();
    await database.query(
      `UPDATE token_cache SET mapping_id = $1, expires_on = expires_on + interval '1 day'`,
      [alice.mappingId],
    );
    expect(await cache.find(alice)).toBeUndefined();
  });
});
