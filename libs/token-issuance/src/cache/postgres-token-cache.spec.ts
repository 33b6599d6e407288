import { randomBytes, randomUUID } from 'node:crypto';
import { Registry } from 'prom-client';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { afterAll, describe, expect, it } from 'vitest';
import { Database, dataSourceOptions } from '#libs/platform';
import {
  communicationUserIdOf,
  ManualClock,
  MemoryLogger,
  testDatabase,
} from '#libs/platform/testing';
import { MemorySecretStore } from '#libs/secrets/testing';
import { IssuanceMetrics } from '../metrics.js';
import { PostgresTokenCache } from './postgres-token-cache.js';
import { type TokenCacheSubject, describeTokenCache } from '../testing/token-cache.contract.js';
import { EnvelopeEncryption } from './envelope-encryption.js';

const NAME = 'token-cache-key';
const closers: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

async function open(): Promise<
  TokenCacheSubject & {
    database: Database;
    /** Executes SQL as the superuser, who can change what the service's role can't. */
    tamper(sql: string, parameters?: unknown[]): Promise<void>;
    secrets: MemorySecretStore;
    logger: MemoryLogger;
  }
> {
  const test = await testDatabase();
  const source = new DataSource(
    dataSourceOptions({ url: test.serviceUrl, poolSize: 4, timeoutMs: 3_000 }),
  );
  closers.push(test.close, async () => source.destroy());
  const database = new Database(source);
  const clock = new ManualClock();
  const logger = new MemoryLogger();
  const secrets = new MemorySecretStore(clock, { [NAME]: randomBytes(32).toString('base64') });
  const encryption = new EnvelopeEncryption(secrets, { cacheKeySecret: NAME });
  const metrics = new IssuanceMetrics(new Registry(), clock);
  return {
    cache: new PostgresTokenCache(database, encryption, clock, logger, metrics),
    database,
    tamper: async (sql, parameters) => {
      const superuser = new pg.Client({ connectionString: test.superuserUrl });
      await superuser.connect();
      await superuser.query(sql, parameters);
      await superuser.end();
    },
    secrets,
    logger,
    now: () => clock.now(),
    passed: async (minutes) => clock.advance(minutes * 60_000),
    newKey: async () => {
      const mappingId = randomUUID();
      const communicationUserId = communicationUserIdOf(`8:acs:${randomUUID()}_${randomUUID()}`);
      await database.query(
        `INSERT INTO mapping (id, resource, tenant, subject, kind, status, communication_user_id)
         VALUES ($1, 'default', 'tenant', $2, 'user', 'active', $3)`,
        [mappingId, randomUUID(), communicationUserId],
      );
      return {
        ...{ mappingId, resource: 'default', communicationUserId },
        ...{ tokenGeneration: 1, policyVersion: 'policy', variant: 'variant' },
      };
    },
  };
}

describeTokenCache('PostgresTokenCache', open);

/** The beginning of every change that revokes the tokens of a mapping. */
const NEXT_GENERATION =
  'UPDATE mapping SET version = 2, token_generation = 2, lease_expires_at = now()';

describe('PostgresTokenCache', () => {
  const token = (now: number) => ({
    token: 'eyJhbGciOiJSUzI1NiJ9.cGF5bG9hZA.c2lnbmF0dXJl',
    expiresOn: new Date(now + 3_600_000),
    fingerprint: { fingerprint: 'print', fingerprintKey: 'key-1' },
    secretVersion: undefined,
  });

  it.each([
    ['its tokens are revoked', 'is_revoking = true'],
    ['it is suspended', `status = 'suspended', is_revoking = true`],
    ['it is erased', `status = 'deleting'`],
  ])('deletes the tokens of a mapping in the transaction in which %s', async (_what, change) => {
    const { cache, database, now, newKey } = await open();
    const key = await newKey();
    await cache.store(key, token(now()));
    await database.query(`${NEXT_GENERATION}, ${change} WHERE id = $1`, [key.mappingId]);
    expect(await database.query('SELECT FROM token_cache')).toEqual([]);
    expect(await cache.find(key)).toBeUndefined();
  });

  it('deletes the tokens of a mapping in the transaction in which its status alone changes', async () => {
    const { cache, database, tamper, now, newKey } = await open();
    const key = await newKey();
    await cache.store(key, token(now()));
    // A change that the service never makes.
    await tamper('ALTER TABLE mapping DISABLE TRIGGER mapping_token_generation');
    await tamper(`UPDATE mapping SET status = 'suspended', version = 2 WHERE id = $1`, [
      key.mappingId,
    ]);
    expect(await database.query('SELECT FROM token_cache')).toEqual([]);
    expect(await cache.find(key)).toBeUndefined();
  });

  it('stores nothing for a mapping whose tokens were revoked meanwhile', async () => {
    const { cache, database, now, newKey } = await open();
    const key = await newKey();
    await database.query(`${NEXT_GENERATION}, is_revoking = true WHERE id = $1`, [key.mappingId]);
    await cache.store(key, token(now()));
    expect(await database.query('SELECT FROM token_cache')).toEqual([]);
  });

  it('keeps the tokens of a mapping after other changes', async () => {
    const { cache, database, now, newKey } = await open();
    const key = await newKey();
    await cache.store(key, token(now()));
    await database.query(`UPDATE mapping SET display_name = 'A', version = 2 WHERE id = $1`, [
      key.mappingId,
    ]);
    expect(await cache.find(key)).toBeDefined();
  });

  it('stores nothing for a mapping whose tokens are being revoked at the same time', async () => {
    const { cache, database, now, newKey } = await open();
    const key = await newKey();
    const storing = await database.transaction(async (transaction) => {
      await transaction.query(`${NEXT_GENERATION}, is_revoking = true WHERE id = $1`, [
        key.mappingId,
      ]);
      const store = cache.store(key, token(now()));
      const waits = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO token_cache%'`;
      await expect.poll(async () => database.query(waits)).toHaveLength(1);
      return { store };
    });
    await storing.store;
    expect(await database.query('SELECT FROM token_cache')).toEqual([]);
  });

  it('deletes tokens that may no longer be reused', async () => {
    const { cache, database, now, passed, newKey } = await open();
    await cache.store(await newKey(), token(now()));
    await passed(50);
    await cache.sweep();
    expect(await database.query('SELECT FROM token_cache')).toEqual([]);
  });

  it('decrypts old tokens after a rotation of the key, and encrypts new ones with the new key', async () => {
    const { cache, database, now, newKey, secrets } = await open();
    const [oldKey, newerKey] = [await newKey(), await newKey()];
    await cache.store(oldKey, token(now()));
    const version = secrets.put(NAME, randomBytes(32).toString('base64'));
    await cache.store(newerKey, token(now()));
    expect((await cache.find(oldKey))?.token).toBe(token(0).token);
    expect((await cache.find(newerKey))?.token).toBe(token(0).token);
    const rows = await database.query<{ key_version: string }>(
      'SELECT key_version FROM token_cache WHERE mapping_id = $1',
      [newerKey.mappingId],
    );
    expect(rows).toEqual([{ key_version: version }]);
  });

  it('finds and stores nothing, with a warning in the log, when the key is unavailable', async () => {
    const { cache, logger, now, newKey, secrets } = await open();
    const key = await newKey();
    await cache.store(key, token(now()));
    secrets.remove(NAME);
    expect(await cache.find(key)).toBeUndefined();
    await cache.store(key, token(now()));
    expect(logger.lines.map(({ message }) => message)).toEqual([
      'a cached token could not be read',
      'a token could not be cached',
    ]);
  });

  it('refuses a row that was moved to another identity or whose expiry was changed', async () => {
    const { cache, tamper, now, newKey } = await open();
    const [alice, bob] = [await newKey(), await newKey()];
    await cache.store(alice, token(now()));
    await tamper('UPDATE token_cache SET mapping_id = $1', [bob.mappingId]);
    expect(await cache.find(bob)).toBeUndefined();
    await tamper(
      `UPDATE token_cache SET mapping_id = $1, expires_on = expires_on + interval '1 day'`,
      [alice.mappingId],
    );
    expect(await cache.find(alice)).toBeUndefined();
  });

  /** A column that is missing here is a fault: every column has an effect on the answer. */
  const changes: Readonly<Record<string, string>> = {
    mapping_id: `(SELECT id FROM mapping WHERE id <> mapping_id LIMIT 1)`,
    variant: `'other'`,
    token_generation: '2',
    policy_version: `'other'`,
    sealed: 'sealed || sealed',
    wrapped_key: 'wrapped_key || wrapped_key',
    key_version: `'other'`,
    expires_on: `expires_on + interval '1 day'`,
    reusable_until: `reusable_until + interval '1 day'`,
    fingerprint: `'of another token'`,
    fingerprint_key: `'key-2'`,
    secret_version: `'other'`,
  };

  it('has a change to attack for every column', async () => {
    const { database } = await open();
    const columns = await database.query<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute
       WHERE attrelid = 'token_cache'::regclass AND attnum > 0 AND NOT attisdropped`,
    );
    expect(columns.map(({ name }) => name).toSorted()).toEqual(Object.keys(changes).toSorted());
  });

  it.each(Object.entries(changes))(
    'does not answer with a row whose %s was changed',
    async (column, value) => {
      const { cache, tamper, now, newKey } = await open();
      const [alice, bob] = [await newKey(), await newKey()];
      await cache.store(alice, token(now()));
      await tamper(`UPDATE token_cache SET ${column} = ${value}`);
      const keys = [alice, bob].flatMap((key) => [
        key,
        { ...key, variant: 'other' },
        { ...key, tokenGeneration: 2 },
        { ...key, policyVersion: 'other' },
      ]);
      for (const key of keys) expect(await cache.find(key)).toBeUndefined();
    },
  );

  it('does not answer with the token of an identity that the mapping no longer has', async () => {
    const { cache, now, newKey } = await open();
    const [alice, carol] = [await newKey(), await newKey()];
    await cache.store(alice, token(now()));
    const { communicationUserId } = carol;
    expect(await cache.find({ ...alice, communicationUserId })).toBeUndefined();
    expect(await cache.find({ ...alice, resource: 'other' })).toBeUndefined();
    expect(await cache.find(alice)).toBeDefined();
  });

  it('does not answer with the parts of two rows exchanged', async () => {
    const { cache, database, now, newKey } = await open();
    const [alice, bob] = [await newKey(), await newKey()];
    await cache.store(alice, token(now()));
    await cache.store(bob, {
      ...token(now()),
      fingerprint: { ...token(0).fingerprint, fingerprint: 'of bob' },
    });
    await database.query(
      `UPDATE token_cache SET fingerprint = CASE fingerprint WHEN 'print' THEN 'of bob' ELSE 'print' END`,
    );
    expect(await cache.find(alice)).toBeUndefined();
    expect(await cache.find(bob)).toBeUndefined();
  });
});
