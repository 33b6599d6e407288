import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import pg from 'pg';
import { OutboundHttp, ReadingDatabase, Sweeps } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import {
  Cosigner,
  formatSignatureLine,
  openCheckpoint,
  parseAddCheckpoint,
  parseLogKeys,
  parseNote,
  parseProofFile,
  WitnessPolicy,
} from '#libs/transparency-log';
import { TestWitness } from '#libs/witness/testing';
import { CheckpointNotWitnessed } from '../errors.js';
import { LogKeys } from '../log/log-keys.js';
import { issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { DatabaseVerifier } from '../verify/database-verifier.js';
import { checkWitnesses } from '../verify/witness-check.js';
import { CheckpointCosigning } from './checkpoint-cosigning.js';
import { CosignedCheckpoints } from './cosigned-checkpoints.js';
import { WitnessMetrics } from './witness-metrics.js';
import { WitnessStates } from './witness-states.js';

const NEVER = new AbortController().signal;

describe('the witnesses of a log', () => {
  let database: TestDatabase;
  let log: TestLog;
  let witnesses: TestWitness[];
  let policy: WitnessPolicy;
  let outbound: OutboundHttp;
  let cosigning: CheckpointCosigning;

  /** One replica. */
  function replica(): CheckpointCosigning {
    const states = new WitnessStates(log.get(ReadingDatabase));
    log.registry.clear();
    const sweeps = new Sweeps(log.clock, log.logger);
    sweeps.leaveToCaller();
    return new CheckpointCosigning(
      outbound,
      log.reader,
      log.get(CosignedCheckpoints),
      states,
      new WitnessMetrics(log.registry),
      sweeps,
      log.readiness,
      log.clock,
      log.logger,
      { policy, intervalMs: 3_600_000 },
    );
  }

  beforeEach(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl);
    await append(1);
    const trust = await log.get(LogKeys).trust();
    witnesses = await Promise.all(
      ['w1', 'w2', 'w3'].map(async (name) => TestWitness.start(name, [trust])),
    );
    const lines = witnesses.map(({ policyLine }) => policyLine);
    policy = WitnessPolicy.parse(`${lines.join('\n')}\ngroup two 2 w1 w2 w3\nquorum two\n`);
    outbound = new OutboundHttp();
    cosigning = replica();
    cosigning.onApplicationBootstrap();
  });
  afterEach(async () => {
    await outbound.onApplicationShutdown();
    await Promise.all(witnesses.map(async (witness) => witness.stop()));
    await log.close();
    await database.close();
  });

  async function append(count: number): Promise<void> {
    await log.trail.recordAll(Array.from({ length: count }, (_, nth) => issued(nth)));
  }

  /** A round now, whatever pauses witnesses have. */
  async function round(): Promise<void> {
    await log.database.query('UPDATE audit_witness SET retry_at = NULL');
    await cosigning.run(NEVER);
  }

  /** Who has cosigned the newest checkpoint with a quorum, and its size. */
  async function witnessed(): Promise<{ size: number; by: string[] }> {
    const { size, checkpoint } = await log.reader.witnessedCheckpoint();
    const trust = parseLogKeys(await log.get(LogKeys).lines());
    openCheckpoint(checkpoint, { origin: log.settings.origin, ...trust });
    return { size, by: policy.cosignatures(checkpoint).map(({ witness: { name } }) => name) };
  }

  async function failures(): Promise<Record<string, string>> {
    const rows = await log.database.query<{ name: string; failure: string | null; detail: string }>(
      'SELECT name, failure, failure_detail AS detail FROM audit_witness ORDER BY name',
    );
    return Object.fromEntries(
      rows.flatMap(({ name, failure, detail }) =>
        failure ? [[name, `${failure}: ${detail}`]] : [],
      ),
    );
  }

  async function tamper(...statements: string[]): Promise<void> {
    const superuser = new pg.Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    for (const sql of ['SET session_replication_role = replica', ...statements])
      await superuser.query(sql);
    await superuser.end();
  }

  it.each([
    ['a size that no log has', 'UPDATE audit_witness SET cosigned_size = -5'],
    [
      'lines that are no signatures',
      `UPDATE audit_cosigned_checkpoint SET cosignatures = 'garbage'`,
    ],
    ['a time without an end', `UPDATE audit_cosigned_checkpoint SET cosigned_at = 'infinity'`],
    [
      'a lease without an end',
      `UPDATE audit_cosigning SET lease_holder = gen_random_uuid(), lease_expires_at = 'infinity'`,
    ],
    ['a pause without an end', `UPDATE audit_witness SET retry_at = 'infinity'`],
  ])('cosign again after a row got %s', async (_what, sql) => {
    await cosigning.run(NEVER);
    await tamper(sql);
    const { checkpoint } = await log.reader.checkpoint();
    expect(() => parseNote(checkpoint)).not.toThrow();
    expect((await log.get(CosignedCheckpoints).newest())?.cosignedAt.getTime() ?? 0).toBeLessThan(
      log.clock.now() + 60_000,
    );
    await append(1);
    await cosigning.run(NEVER);
    const { size } = await log.reader.checkpoint();
    expect(await witnessed()).toEqual({ size, by: ['w1', 'w2', 'w3'] });
    expect(await failures()).toEqual({});
  });

  it('cosign what was added, each time from the size that they have', async () => {
    await expect(log.reader.witnessedCheckpoint()).rejects.toThrow(CheckpointNotWitnessed);
    for (const [count, size] of [
      [0, 1],
      [299, 300],
      [1, 301],
    ] as const) {
      if (count > 0) await append(count);
      await round();
      expect(await witnessed()).toEqual({ size, by: ['w1', 'w2', 'w3'] });
    }
    const oldSizes = witnesses[0]?.requests.map((body) => parseAddCheckpoint(body).oldSize);
    expect(oldSizes).toEqual([0, 1, 300]);
    expect(policy.cosignatures((await log.reader.checkpoint()).checkpoint)).toHaveLength(3);
    await round();
    expect(witnesses[0]?.requests).toHaveLength(3);
    expect((await log.readiness.ask()).witnesses).toEqual({ isReady: true });
    const metrics = await log.registry.metrics();
    expect(metrics).toContain('audit_witnessed_entries{quorum="service"} 301');
    expect(metrics).toContain('audit_witness_cosignatures_total{witness="w1"} 3');
    expect(await log.database.query('SELECT FROM audit_cosigned_checkpoint')).toHaveLength(1);
  });

  it('are in the proofs of the entries that they cosigned', async () => {
    await append(5);
    await round();
    await append(5);
    const cosigned = parseProofFile(await log.reader.proofFile(2));
    expect(policy.isMet(policy.cosignatures(cosigned.checkpoint))).toBe(true);
    const newer = parseProofFile(await log.reader.proofFile(9));
    expect(policy.cosignatures(newer.checkpoint)).toEqual([]);
    expect(parseNote(newer.checkpoint).text).toContain('\n11\n');
  });

  it('are a quorum when one of them is down, which may come back', async () => {
    await round();
    const [down] = witnesses;
    await down?.kill();
    await append(3);
    await round();
    expect(await witnessed()).toEqual({ size: 4, by: ['w2', 'w3'] });
    expect(await failures()).toEqual({
      w1: expect.stringMatching(
        /^unavailable: \S+:\d+ gave no answer \(ECONNREFUSED\): check its address/,
      ) as string,
    });
    expect((await log.readiness.ask()).witnesses).toMatchObject({
      isReady: true,
      degradation: expect.stringContaining('witness w1 has been unavailable since') as string,
    });
    await cosigning.run(NEVER);
    await down?.restart();
    await round();
    expect(await witnessed()).toEqual({ size: 4, by: ['w1', 'w2', 'w3'] });
    expect(await failures()).toEqual({});
    expect(JSON.stringify(log.logger.lines)).toContain('audit witness works again');
  });

  it('are no quorum when two are down: the older checkpoint stays the witnessed one', async () => {
    await round();
    for (const witness of witnesses.slice(1)) await witness.kill();
    await append(3);
    await round();
    expect(await witnessed()).toEqual({ size: 1, by: ['w1', 'w2', 'w3'] });
    await append(3);
    await round();
    expect((await log.reader.checkpoint()).size).toBe(7);
    expect(policy.cosignatures((await log.reader.checkpoint()).checkpoint)).toHaveLength(1);
    const readiness = async () => JSON.stringify((await log.readiness.ask()).witnesses);
    expect(await readiness()).not.toContain('no quorum since');
    await tamper(
      `UPDATE audit_cosigned_checkpoint SET cosigned_at = now() - interval '16 minutes'`,
    );
    expect(await readiness()).toContain('no quorum since');
    for (const witness of witnesses.slice(1)) await witness.restart();
    await round();
    expect(await witnessed()).toEqual({ size: 7, by: ['w1', 'w2', 'w3'] });
  });

  it('have cosigned what the service forgot, or another replica submitted', async () => {
    await round();
    await append(3);
    await round();
    await log.database.query('UPDATE audit_witness SET cosigned_size = 1');
    await append(3);
    await round();
    expect(await witnessed()).toEqual({ size: 7, by: ['w1', 'w2', 'w3'] });
    await append(1);
    await replica().run(NEVER);
    expect((await witnessed()).size).toBe(7);
    await cosigning.beforeApplicationShutdown();
    await replica().run(NEVER);
    expect((await witnessed()).size).toBe(8);
  });

  it('are left to another replica after one failed, which this replica alone may not reach', async () => {
    const [down] = witnesses;
    await down?.kill();
    await round();
    await down?.restart();
    await log.database.query('UPDATE audit_witness SET retry_at = NULL');
    await replica().run(NEVER);
    expect(await failures()).toEqual({});
    expect(await witnessed()).toEqual({ size: 1, by: ['w1', 'w2', 'w3'] });
  });

  it('count no longer once they forgot what they cosigned', async () => {
    const [restored, emptied] = witnesses;
    if (!restored || !emptied) throw new Error('three witnesses');
    const file = join(restored.folder, 'checkpoints.sqlite');
    await append(10);
    await round();
    await restored.kill();
    const backup = await readFile(file);
    await restored.restart();
    await append(5);
    await round();
    await restored.kill();
    await writeFile(file, backup);
    await restored.restart();
    await emptied.kill();
    await rm(join(emptied.folder, 'checkpoints.sqlite'));
    await emptied.restart();
    await append(1);
    await round();
    expect(await failures()).toEqual({
      w1: 'forgetful: cosigned 16 entries, and now knows 11: it was restored; replace its key',
      w2: 'forgetful: cosigned 16 entries, and now knows 0: it was restored; replace its key',
    });
    expect(log.logger.lines).toContainEqual(
      expect.objectContaining({ level: 'error', message: 'audit witness forgot what it cosigned' }),
    );
    expect((await witnessed()).size).toBe(16);
    await round();
    expect((await failures()).w1).toMatch(/^forgetful/);
  });

  it('reveal a log that was rolled back and continued, which signs like before', async () => {
    await append(9);
    await round();
    await cosigning.beforeApplicationShutdown();
    await log.close();
    const tables = ['audit_entry', 'audit_personal'].map(
      (table) => `DELETE FROM ${table} WHERE entry_index >= 1`,
    );
    await tamper(
      ...tables,
      'DELETE FROM audit_head WHERE size > 1',
      'DELETE FROM audit_cosigned_checkpoint',
      'UPDATE audit_witness SET cosigned_size = 1',
    );
    log = await openTestLog(database.serviceUrl);
    cosigning = replica();
    cosigning.onApplicationBootstrap();
    await append(2);
    await round();
    expect(await failures()).toMatchObject({
      w1: 'contradicted: cosigned 10 entries, and the log has 3: it was rolled back',
    });
    await append(7);
    await round();
    expect((await failures()).w2).toBe('contradicted: cosigned another log of size 10 (409)');
    await append(5);
    await round();
    expect((await failures()).w3).toBe(
      'contradicted: the log does not continue what it cosigned (422)',
    );
    await expect(log.reader.witnessedCheckpoint()).rejects.toThrow(CheckpointNotWitnessed);
    expect(JSON.stringify(log.logger.lines)).toContain('audit log contradicted by a witness');
    expect((await log.readiness.ask()).witnesses).toMatchObject({
      isReady: true,
      degradation: expect.stringContaining('contradicted') as string,
    });
  });

  it('count only with a fresh signature of their own key on this checkpoint', async () => {
    const forger = new Cosigner('w1', Buffer.alloc(32, 99));
    const [w1, w2, w3] = witnesses;
    if (!w1 || !w2 || !w3) throw new Error('three witnesses');
    await round();
    const [, old = ''] =
      /\n\n.*\n((?:.*\n)*)$/.exec((await log.reader.witnessedCheckpoint()).checkpoint) ?? [];
    await append(1);
    w1.answer = () => ({
      status: 200,
      body: formatSignatureLine(
        forger.cosign(
          parseNote(parseAddCheckpoint(w1.requests.at(-1) ?? '').checkpoint).text,
          Math.floor(Date.now() / 1_000),
        ),
      ),
    });
    w2.answer = () => ({ status: 200, body: old });
    const late = new Cosigner('w3', Buffer.alloc(32, 'w3'));
    w3.answer = () => ({
      status: 200,
      body: formatSignatureLine(
        late.cosign(
          parseNote(parseAddCheckpoint(w3.requests.at(-1) ?? '').checkpoint).text,
          1_700_000_000,
        ),
      ),
    });
    await round();
    expect(await failures()).toEqual({
      w1: 'invalid: answered no cosignature of its key on the checkpoint',
      w2: 'invalid: answered no cosignature of its key on the checkpoint',
      w3: 'invalid: its cosignature has the time of another hour',
    });
    expect((await witnessed()).size).toBe(1);
    for (const [answer, failure] of [
      [{ status: 200, body: 'nonsense' }, 'invalid: answered no signature lines'],
      [{ status: 409, body: 'many\n' }, 'invalid: answered 409 without a size'],
      [{ status: 403, body: '' }, 'refused: does not know the key of the log (403)'],
      [{ status: 404, body: '' }, 'refused: does not know the log, or has another address (404)'],
      [{ status: 400, body: '' }, 'refused: answered 400'],
    ] as const) {
      w1.answer = () => answer;
      await round();
      expect((await failures()).w1).toBe(failure);
    }
    for (const witness of witnesses) witness.answer = undefined;
    await round();
    expect(await witnessed()).toEqual({ size: 2, by: ['w1', 'w2', 'w3'] });
  });

  it('are checked by a verification: their quorum, its age, and that the log continues it', async () => {
    await append(4);
    const trust = await log.get(LogKeys).trust();
    const requirement = { policy, now: Date.now() };
    const check = async (changes = {}) => {
      const note = await log.reader.witnessedCheckpoint().catch(() => undefined);
      return checkWitnesses(note?.checkpoint, trust, { ...requirement, ...changes });
    };
    expect((await check()).fault?.detail).toBe('no checkpoint has a quorum of witnesses');
    await round();
    const { checkpoint, cosignatures, fault } = await check({ maxAgeMs: 60_000 });
    expect({ size: checkpoint?.size, count: cosignatures.length, fault }).toEqual({
      size: 5,
      count: 3,
      fault: undefined,
    });
    const later = await check({ maxAgeMs: 60_000, now: Date.now() + 120_000 });
    expect(later.fault).toMatchObject({
      kind: 'quorum-missing',
      detail: 'the cosignatures of the quorum are too old',
    });
    const lines = witnesses.map(({ policyLine }) => policyLine);
    const stranger = new Cosigner('w4', Buffer.alloc(32, 4)).verifier.toString();
    const stricter = WitnessPolicy.parse(
      `${lines[0]}\nwitness w4 ${stranger}\ngroup all all w1 w4\nquorum all\n`,
    );
    expect((await check({ policy: stricter })).fault?.detail).toMatch(/no quorum/);
    if (!checkpoint) throw new Error('no checkpoint');
    const verify = async (known = checkpoint) =>
      (await log.get(DatabaseVerifier).verify({ ...trust, known: [known] })).faults;
    expect(await verify()).toEqual([]);
    expect(await verify({ ...checkpoint, root: new Uint8Array(32) })).toMatchObject([
      { kind: 'checkpoint-contradicted' },
    ]);
  });
});
