import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { LONGEST_SECRET_USE_MS } from '#libs/secrets';
import {
  type Checkpoint,
  type CheckpointTrust,
  NoteSigner,
  openCheckpoint,
  parseLogKeys,
  signCheckpoint,
  UnverifiedNote,
} from '#libs/transparency-log';
import { CheckpointFile } from '../log/checkpoint-file.js';
import { LogKeys } from '../log/log-keys.js';
import { TileDirectory } from '../log/tile-directory.js';
import { issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import type { AuditFault } from './audit-fault.js';
import { DatabaseVerifier } from './database-verifier.js';
import { verifyFolder } from './verify-folder.js';

const SEEDS: Readonly<Record<string, string>> = {
  first: Buffer.alloc(32, 1).toString('base64'),
  second: Buffer.alloc(32, 2).toString('base64'),
  third: Buffer.alloc(32, 3).toString('base64'),
};

describe('the keys of a log whose signing keys were replaced', () => {
  let database: TestDatabase;
  let directory: string;
  let logs: TestLog[];
  /** Of all processes. */
  let clock: ManualClock;

  beforeEach(async () => {
    clock = new ManualClock();
    database = await testDatabase();
    directory = await mkdtemp(join(tmpdir(), 'audit-keys-'));
    logs = [];
  });
  afterEach(async () => {
    await Promise.all(logs.map(async (log) => log.close()));
    await database.close();
    await rm(directory, { recursive: true });
  });

  /** A process that signs with these keys. */
  async function signing(...signingKeySecrets: string[]): Promise<TestLog> {
    const log = await openTestLog(database.serviceUrl, { clock, signingKeySecrets });
    for (const [name, seed] of Object.entries(SEEDS)) log.secrets.put(name, seed);
    logs.push(log);
    return log;
  }

  async function append(log: TestLog, count = 3): Promise<void> {
    await log.trail.recordAll(Array.from({ length: count }, (_, nth) => issued(nth)));
  }

  /** Until no process has a key that was replaced before. */
  async function longAfter(log: TestLog): Promise<void> {
    await clock.advance(LONGEST_SECRET_USE_MS + 1);
    await append(log, 1);
  }

  async function newest(log: TestLog): Promise<string> {
    return (await log.reader.checkpoint()).checkpoint;
  }

  /** What a verifier has that knows the listed lines only. */
  async function listed(log: TestLog): Promise<Required<CheckpointTrust>> {
    return { origin: log.settings.origin, ...parseLogKeys(await log.get(LogKeys).lines()) };
  }

  async function faults(log: TestLog, more: object = {}): Promise<readonly AuditFault[]> {
    const request = { ...(await listed(log)), known: [], ...more };
    return (await log.get(DatabaseVerifier).verify(request)).faults;
  }

  async function tamper(sql: string, parameters: unknown[] = []): Promise<void> {
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query('SET session_replication_role = replica');
    await superuser.query(sql, parameters);
    await superuser.end();
  }

  it.each([
    [
      'with an overlap',
      [['first'], ['first', 'second'], ['second'], ['second', 'third'], ['third']],
    ],
    ['at once', [['first'], ['second'], ['third']]],
    ['and one came back', [['first'], ['second'], ['first'], ['third']]],
    ['while two replicas differed', [['first'], ['second'], ['first'], ['second'], ['third']]],
  ])(
    'verify its whole history, in every form, when they were replaced %s',
    async (_how, rotation) => {
      const held: Checkpoint[] = [];
      const copy = new TileDirectory(directory);
      let log = await signing('first');
      for (const keys of rotation) {
        log = await signing(...keys);
        await append(log, 2);
        await append(log);
        const trust = await listed(log);
        held.push(openCheckpoint(await newest(log), trust).checkpoint);
        if (held.length < rotation.length) await copy.copy(log.reader);
      }
      await longAfter(log);
      expect(await faults(log, { known: held })).toEqual([]);
      for (const since of held) expect(await faults(log, { since })).toEqual([]);
      const trust = await listed(log);
      // The copy was made before the last key was replaced.
      expect(
        (await verifyFolder({ ...trust, folder: copy, known: held.slice(0, -1) })).faults,
      ).toEqual([]);
      await copy.copy(log.reader, undefined, (note) => openCheckpoint(note, trust).checkpoint);
      expect((await verifyFolder({ ...trust, folder: copy, known: held })).faults).toEqual([]);
      const heads = await log.database.query<{ checkpoint: string }>(
        'SELECT checkpoint FROM audit_head',
      );
      for (const { checkpoint } of heads) openCheckpoint(checkpoint, trust);
      const [, ...others] = trust.verifiers;
      expect(others).toEqual([]);
    },
  );

  /** Names of the secrets of the keys that are listed, and the ends of those that have one. */
  async function ends(log: TestLog): Promise<Record<string, number | undefined>> {
    const { verifiers, retired } = await listed(log);
    const known = [...verifiers, ...retired.map(({ verifier }) => verifier)].map(String);
    const names = Object.entries(SEEDS).map(([name, seed]) => {
      const signer = new NoteSigner(log.settings.origin, Buffer.from(seed, 'base64'));
      return { name, key: signer.verifier.toString() };
    });
    return Object.fromEntries(
      names
        .filter(({ key }) => known.includes(key))
        .map(({ name, key }) => [
          name,
          retired.find(({ verifier }) => verifier.toString() === key)?.untilSize,
        ]),
    );
  }

  it('have no end while a process may sign with them, whichever signed last', async () => {
    const old = await signing('first');
    await append(old);
    const next = await signing('second');
    const held: Required<CheckpointTrust>[] = [];
    for (const log of [next, old, next]) {
      await append(log);
      await clock.advance(LONGEST_SECRET_USE_MS - 1);
      await append(log);
      for (const one of [old, next]) {
        expect(await ends(one)).toEqual({ first: undefined, second: undefined });
        held.push(await listed(one));
      }
    }
    await append(old);
    await append(next);
    for (const trust of held) expect(await faults(next, trust)).toEqual([]);
  });

  it('have the end of their last checkpoint once no process can have them', async () => {
    await append(await signing('first', 'second'));
    const log = await signing('first', 'third');
    await append(log);
    expect(await ends(log)).toEqual({ first: undefined, second: undefined, third: undefined });
    await longAfter(log);
    expect(await ends(log)).toEqual({ first: undefined, second: 3, third: undefined });
    expect(await faults(log)).toEqual([]);
  });

  it('are replaced by newer ones only, however long they did not sign', async () => {
    const old = await signing('first');
    await append(old);
    const standby = await signing('second');
    await append(standby);
    await append(old);
    await longAfter(old);
    expect(await ends(old)).toEqual({ first: undefined, second: undefined });
    await longAfter(standby);
    expect(await ends(standby)).toEqual({ first: undefined, second: undefined });
    await longAfter(standby);
    expect(await ends(standby)).toEqual({ first: 10, second: undefined });
  });

  it('refuse what a retired key signs beyond its time, and a log that ends in its time', async () => {
    const old = await signing('first');
    await append(old);
    const log = await signing('second');
    await append(log);
    await longAfter(log);
    const trust = await listed(log);
    const stolen = await old.signers.current();
    const { origin, root } = openCheckpoint(await newest(log), trust).checkpoint;
    for (const size of [4, 5, 6, 1_000]) {
      const forged = signCheckpoint({ origin, size, root }, stolen);
      expect(() => openCheckpoint(forged, trust)).toThrow(UnverifiedNote);
      const file = new CheckpointFile(join(directory, 'seen'), async (note) =>
        Promise.resolve(openCheckpoint(note, trust).checkpoint),
      );
      await expect(file.write(forged)).rejects.toThrow(UnverifiedNote);
    }
    expect(openCheckpoint(signCheckpoint({ origin, size: 3, root }, stolen), trust)).toBeDefined();

    const forged = signCheckpoint({ origin, size: 6, root }, stolen);
    await tamper('UPDATE audit_head SET checkpoint = $1 WHERE size = 6', [forged]);
    expect(await faults(log)).toContainEqual(
      expect.objectContaining({ kind: 'head-differs', index: 3 }),
    );

    await tamper('DELETE FROM audit_head WHERE size > 3');
    await tamper('DELETE FROM audit_entry WHERE entry_index >= 3');
    await tamper('DELETE FROM audit_personal WHERE entry_index >= 3');
    await tamper('DELETE FROM audit_signing_keys WHERE from_size = 3');
    const cut = await log.get(DatabaseVerifier).verify({ ...trust, known: [] });
    expect(cut.faults).toMatchObject([{ kind: 'head-differs', index: 0 }]);
  });

  it.each([
    ['a key that never signed', `UPDATE audit_signing_keys SET keys = keys || keys`, 0],
    ['a malformed key', `UPDATE audit_signing_keys SET keys = '{x}' WHERE from_size = 3`, 3],
    ['a set for a head that is missing', `INSERT INTO audit_signing_keys VALUES (5, '{}')`, 5],
    ['a longer time', `UPDATE audit_signing_keys SET from_size = 6 WHERE from_size = 3`, 3],
  ])('are found to differ when a superuser gives them %s', async (_what, sql, index) => {
    await append(await signing('first'));
    const log = await signing('second');
    await append(log);
    await append(log);
    const trust = await listed(log);
    await tamper(sql);
    const { faults: found } = await log.get(DatabaseVerifier).verify({ ...trust, known: [] });
    expect(found[0]).toMatchObject({ kind: 'signing-key-differs', index });
  });

  it('open a checkpoint file that was written before the key was replaced', async () => {
    const checkpointFile = join(directory, 'checkpoint');
    const old = await openTestLog(database.serviceUrl, { clock, checkpointFile });
    await append(old);
    await expect.poll(async () => readFile(checkpointFile, 'utf8')).toContain('\n3\n');
    await old.close();
    await append(await signing('second'));
    const log = await openTestLog(database.serviceUrl, {
      ...{ clock, checkpointFile },
      signingKeySecrets: ['second'],
    });
    log.secrets.put('second', SEEDS.second ?? '');
    logs.push(log);
    await append(log);
  });
});
