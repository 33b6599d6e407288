import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/platform/testing';
import {
  formatAddCheckpoint,
  NoteSigner,
  openCheckpoint,
  parseAddCheckpoint,
  signCheckpoint,
} from '#libs/transparency-log';
import { NaiveTree, sampleEntries } from '#libs/transparency-log/testing';
import { TestWitness } from './testing/test-witness.js';
import { createWitnessKey, readWitnessKey } from './witness-key.js';
import { FolderInUse, NoWitnessKey, WitnessKeyExists } from './errors.js';
import { WitnessStore } from './witness-store.js';

const origin = 'log.example/audit';
const log = new NoteSigner(origin, Buffer.alloc(32, 1));
const retired = new NoteSigner(origin, Buffer.alloc(32, 3));
const trust = {
  origin,
  verifiers: [log.verifier],
  retired: [{ verifier: retired.verifier, untilSize: 4 }],
};
const entries = sampleEntries(20);
const honest = new NaiveTree(entries);
/** The same log with another entry 5. */
const forked = new NaiveTree(entries.map((entry, nth) => (nth === 5 ? Buffer.from('x') : entry)));

function checkpoint(size: number, tree = honest, signer = log): string {
  return signCheckpoint({ origin: signer.verifier.name, size, root: tree.root(0, size) }, [signer]);
}

function request(oldSize: number, size: number, tree = honest, signer = log): string {
  const proof = oldSize === 0 ? [] : tree.consistencyProof(oldSize, size);
  return formatAddCheckpoint({ oldSize, proof, checkpoint: checkpoint(size, tree, signer) });
}

describe('a witness', () => {
  const clock = new ManualClock('2026-11-26T12:00:00Z');
  let witness: TestWitness;

  beforeEach(async () => {
    witness = await TestWitness.start('witness.example/w1', [trust], clock);
  });
  afterEach(async () => witness.stop());

  async function post(
    body: string,
    path = '/add-checkpoint',
    method = 'POST',
  ): Promise<{ status: number; text: string; type: string | null }> {
    const answer = await fetch(witness.url + path, {
      method,
      headers: { connection: 'close' },
      ...(method === 'POST' && { body }),
    });
    const type = answer.headers.get('content-type');
    return { status: answer.status, text: await answer.text(), type };
  }

  /** What a verifier sees in the log's checkpoint with the witness's answer. */
  function cosignedAt(body: string, answer: string): number | undefined {
    const note = parseAddCheckpoint(body).checkpoint + answer;
    const verifiers = [log.verifier, witness.verifier];
    const [first] = openCheckpoint(note, { ...trust, verifiers }).cosignatures;
    return first?.timestampSeconds;
  }

  it('cosigns each checkpoint that continues the last one, with the time', async () => {
    for (const [oldSize, size] of [
      [0, 3],
      [3, 7],
      [7, 7],
      [7, 20],
    ] as const) {
      await clock.advance(1_000);
      const body = request(oldSize, size);
      const { status, text } = await post(body);
      expect({ status, at: cosignedAt(body, text) }).toEqual({
        status: 200,
        at: Math.floor(clock.now() / 1_000),
      });
    }
  });

  it('answers with the size that it has, so that a log without memory can continue', async () => {
    await post(request(0, 7));
    for (const body of [request(0, 20), request(3, 20), request(8, 20), request(0, 3)]) {
      const answer = await post(body);
      expect(answer).toEqual({ status: 409, text: '7\n', type: 'text/x.tlog.size' });
    }
    expect((await post(request(7, 20))).status).toBe(200);
  });

  it('cosigns no log that was rolled back, cut or forked, though its key signed it', async () => {
    await post(request(0, 9));
    const requests = {
      'rolled back': [request(3, 4), 409],
      'rolled back to where it says it was': [request(0, 4), 409],
      'of a smaller size than the old one': [request(0, 4).replace('old 0', 'old 9'), 400],
      'forked, with a proof of the fork': [request(9, 20, forked), 422],
      'forked, with the proof of the other': [
        request(9, 20).replace(checkpoint(20), checkpoint(20, forked)),
        422,
      ],
      'forked at the same size': [request(9, 9, forked), 409],
      'without a proof': [request(0, 20).replace('old 0', 'old 9'), 422],
    } as const;
    for (const [what, [body, status]] of Object.entries(requests)) {
      expect((await post(body)).status, what).toBe(status);
    }
    expect((await post(request(9, 20))).status).toBe(200);
    expect(JSON.stringify(witness.logger)).toContain('checkpoint not consistent');
  });

  it('knows the keys of its logs, retired ones for their time', async () => {
    const stranger = new NoteSigner(origin, Buffer.alloc(32, 8));
    const elsewhere = new NoteSigner('other.example', Buffer.alloc(32, 1));
    expect((await post(request(0, 3, honest, elsewhere))).status).toBe(404);
    expect((await post(request(0, 3, honest, stranger))).status).toBe(403);
    const [good = '', other = ''] = [request(0, 3), request(0, 4)].map((one) => one.trimEnd());
    const [line = ''] = other.split('\n').slice(-1);
    const forged = `${good.slice(0, good.lastIndexOf('\n'))}\n${line}\n`;
    expect((await post(forged)).status).toBe(403);
    expect((await post(request(0, 3, honest, retired))).status).toBe(200);
    expect((await post(request(3, 4, honest, retired))).status).toBe(200);
    expect((await post(request(4, 5, honest, retired))).status).toBe(403);
  });

  it('refuses what is no request', async () => {
    expect((await post('old 0\n')).status).toBe(400);
    expect((await post('')).status).toBe(400);
    expect((await post('x'.repeat(70_000))).status).toBe(413);
    expect((await post(request(0, 3), '/')).status).toBe(404);
    expect((await post('', '/add-checkpoint', 'GET')).status).toBe(405);
  });

  it('lets one of many requests at once continue a checkpoint', async () => {
    await post(request(0, 5));
    const answers = await Promise.all([6, 7, 8, 9, 10].map(async (size) => post(request(5, size))));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409]);
  });

  it('keeps what it cosigned when its answer was lost', async () => {
    await post(request(0, 5));
    witness.answer = (own) => {
      own();
      return { status: 404, body: '' };
    };
    await post(request(5, 12));
    await witness.kill();
    witness.answer = undefined;
    await witness.restart();
    expect(await post(request(5, 12, forked))).toMatchObject({ status: 409, text: '12\n' });
    expect((await post(request(12, 20, forked))).status).toBe(422);
    expect((await post(request(12, 12))).status).toBe(200);
  });

  it('loses nothing that was stored when the process is killed at once', async () => {
    await witness.kill();
    const store = `
      import { DatabaseSync } from 'node:sqlite';
      const database = new DatabaseSync(process.argv[1]);
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = EXTRA');
      database.exec("INSERT INTO checkpoint VALUES ('log.example/audit', 9, x'" + process.argv[2] + "', '')");
      process.kill(process.pid, 'SIGKILL');`;
    const root = Buffer.from(honest.root(0, 9)).toString('hex');
    const file = join(witness.folder, 'checkpoints.sqlite');
    const child = spawn(process.execPath, ['--input-type=module', '-e', store, file, root]);
    expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
    await witness.restart();
    expect((await post(request(0, 12))).text).toBe('9\n');
    expect((await post(request(9, 12))).status).toBe(200);
  });

  it('has its folder alone', () => {
    expect(() => WitnessStore.open(witness.folder)).toThrow(FolderInUse);
  });
});

describe('the key of a witness', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'witness-key-'));
  });
  afterEach(async () => rm(folder, { recursive: true }));

  it('is made once, for its user alone', async () => {
    const { verifier } = await createWitnessKey(folder, 'witness.example/w1');
    const read = await readWitnessKey(folder);
    expect(read.verifier.toString()).toBe(verifier.toString());
    expect((await stat(join(folder, 'key'))).mode & 0o777).toBe(0o600);
    const content = await readFile(join(folder, 'key'), 'utf8');
    await expect(createWitnessKey(folder, 'other')).rejects.toThrow(WitnessKeyExists);
    expect(await readFile(join(folder, 'key'), 'utf8')).toBe(content);
    await expect(readWitnessKey(join(folder, 'none'))).rejects.toThrow(NoWitnessKey);
  });
});
