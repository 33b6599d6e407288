import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { openCheckpoint, verifyProofFile } from '#libs/transparency-log';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { alice, issued } from '../testing/sample-events.js';
import { AuditEntryRetired } from '../errors.js';
import { EntryRepository } from '../query/entry-repository.js';
import { TileDirectory } from '../log/tile-directory.js';
import { LogRetention } from '../log/log-retention.js';
import { PersonalDataEraser } from '../query/personal-data-eraser.js';
import { DatabaseVerifier, type VerifyReport } from './database-verifier.js';
import { verifyFolder } from './verify-folder.js';

const operator = { kind: 'operator', name: 'test' } as const;

describe('verification', () => {
  let database: TestDatabase;
  let log: TestLog;
  let directory: string;

  beforeEach(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl);
    directory = await mkdtemp(join(tmpdir(), 'audit-verify-'));
    await log.trail.recordAll(Array.from({ length: 520 }, (_, nth) => issued(nth)));
    await log.trail.record(issued(1));
  });
  afterEach(async () => {
    await log.close();
    await database.close();
    await rm(directory, { recursive: true });
  });

  const trust = async () => ({
    origin: log.settings.origin,
    verifiers: (await log.signers.current()).map(({ verifier }) => verifier),
  });
  const verify = async (more: object = {}): Promise<VerifyReport> =>
    log.get(DatabaseVerifier).verify({ ...(await trust()), known: [], ...more });
  const checkpoint = async () => {
    const { checkpoint: note } = await log.reader.checkpoint();
    return openCheckpoint(note, await trust()).checkpoint;
  };
  const tamper = async (sql: string): Promise<void> => {
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query('SET session_replication_role = replica');
    await superuser.query(sql);
    await superuser.end();
  };

  it('finds no fault in an unchanged log, from its start or since a checkpoint', async () => {
    const since = await checkpoint();
    await log.trail.record(issued(2));
    expect(await verify()).toMatchObject({ size: 522, retiredBelow: 0, faults: [] });
    expect(await verify({ since })).toMatchObject({ size: 522, faults: [] });
  });

  it.each([
    [
      'an entry with changed bytes',
      `UPDATE audit_entry SET leaf = leaf || ' ' WHERE entry_index = 300`,
      300,
    ],
    [
      'an entry with a renamed member',
      `UPDATE audit_entry SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), 'recordedAt', 'recordedBt'), 'UTF8')
       WHERE entry_index = 300`,
      300,
    ],
    ['a changed column', `UPDATE audit_entry SET actor_subject = 'x' WHERE entry_index = 17`, 17],
    ['a removed entry', `DELETE FROM audit_entry WHERE entry_index = 519`, 519],
    [
      'a changed address',
      `UPDATE audit_personal SET client_address = '::1' WHERE entry_index = 9`,
      9,
    ],
    [
      'values that were removed without an erasure',
      `DELETE FROM audit_personal WHERE entry_index = 33`,
      33,
    ],
    [
      'a changed tile',
      `UPDATE audit_tile SET hashes = set_byte(hashes, 32 * 5, 0) || '' WHERE tile_index = 1`,
      261,
    ],
    [
      'a checkpoint with an invalid signature',
      `UPDATE audit_head SET checkpoint = replace(checkpoint, '521', '522') WHERE size = 521`,
      520,
    ],
  ])('names the first index of %s', async (_what, sql, index) => {
    await tamper(sql);
    expect((await verify()).faults[0]?.index).toBe(index);
  });

  it('detects a truncated log by a checkpoint from elsewhere', async () => {
    const known = [await checkpoint()];
    await tamper(
      'DELETE FROM audit_head WHERE size = 521; DELETE FROM audit_entry WHERE entry_index = 520; DELETE FROM audit_personal WHERE entry_index = 520',
    );
    expect((await verify()).faults).toEqual([]);
    expect((await verify({ known })).faults[0]).toMatchObject({
      kind: 'checkpoint-contradicted',
      index: 520,
    });
  });

  it('finds no fault after an erasure, and after a second signing key was added', async () => {
    await log.get(PersonalDataEraser).erase({
      tenant: alice.tenant,
      subject: alice.subject,
      actor: operator,
    });
    const [row] = await log.database.query<{ count: string }>(
      'SELECT count(*) FROM audit_personal',
    );
    expect(row?.count).toBe('0');
    const old = await trust();
    const rotated = await openTestLog(database.serviceUrl, {
      signingKeySecrets: ['audit-signing-key', 'next-key'],
    });
    rotated.secrets.put('next-key', Buffer.alloc(32, 7).toString('base64'));
    await rotated.trail.record(issued(3));
    const [, next] = (await rotated.signers.current()).map(({ verifier }) => verifier);
    await rotated.close();
    expect((await verify()).faults).toEqual([]);
    const { checkpoint: note } = await log.reader.checkpoint();
    expect(openCheckpoint(note, old).checkpoint.size).toBe(523);
    expect(openCheckpoint(note, { ...old, verifiers: next ? [next] : [] }).checkpoint.size).toBe(
      523,
    );
  });

  it('verifies a copy offline, from its start or since a checkpoint, and names the first bad index', async () => {
    const folder = new TileDirectory(directory);
    const reader = log.reader;
    await folder.copy(reader);
    const since = await checkpoint();
    await log.trail.recordAll([issued(4), issued(5)]);
    expect(await folder.copy(reader)).toBe(523);
    const request = { folder, ...(await trust()) };
    expect((await verifyFolder(request)).faults).toEqual([]);
    expect(await verifyFolder({ ...request, since })).toMatchObject({ size: 523, faults: [] });

    const file = join(directory, 'tile/entries/001');
    const bytes = await readFile(file);
    bytes[2 + bytes.readUInt16BE(0) + 30] = 0;
    await writeFile(file, bytes);
    expect((await verifyFolder(request)).faults).toMatchObject([
      { kind: 'entry-differs', index: 257 },
    ]);
  });

  it('verifies hashes and proofs of retired months, whose bodies were dropped', async () => {
    const other = await testDatabase();
    const owner = await openTestLog(other.ownerUrl, { clock: new ManualClock(Date.now()) });
    await owner.database.query(
      `CREATE TABLE audit_entry_2020_01 PARTITION OF audit_entry FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z')`,
    );
    await owner.database.query(
      `CREATE TABLE audit_personal_2020_01 PARTITION OF audit_personal FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z')`,
    );
    const past = await openTestLog(other.ownerUrl, {
      clock: new ManualClock('2020-01-15T00:00:00Z'),
    });
    await past.trail.recordAll(Array.from({ length: 300 }, (_, nth) => issued(nth)));
    await owner.trail.record(issued(1));
    const report = await owner.get(LogRetention).retire(new Date('2020-06-01'), operator);
    expect(report).toMatchObject({ partitions: ['audit_entry_2020_01'], firstIndex: 300 });

    const verified = await owner.get(DatabaseVerifier).verify({ ...(await trust()), known: [] });
    expect(verified).toMatchObject({ size: 302, retiredBelow: 300, faults: [] });
    const reader = owner.reader;
    await expect(reader.resource('tile/entries/000')).rejects.toThrow(AuditEntryRetired);
    const [oldest] = await owner.get(EntryRepository).byIndex(300, 301);
    const proof = await reader.proofFile(300);
    expect(verifyProofFile(proof, oldest?.leaf ?? Buffer.of(), await trust()).index).toBe(300);
    const folder = new TileDirectory(directory);
    await folder.copy(reader);
    expect(
      (await verifyFolder({ folder, ...(await trust()) })).faults.map(({ kind }) => kind),
    ).toEqual([]);
    await Promise.all([owner.close(), past.close()]);
    await other.close();
  });
});
