import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { type Checkpoint, CompactRange } from '#libs/transparency-log';
import { TileDirectory } from '../log/tile-directory.js';
import { readLeafHashes } from '../postgres/log-queries.js';
import { issued } from '../testing/sample-events.js';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { DatabaseVerifier, type VerifyReport } from './database-verifier.js';
import { verifyFolder } from './verify-folder.js';

const COMMITS = [1, 255, 44, 220, 1, 79];
const SIZE = 600;
/** Ends of commits, sizes inside of commits and borders of tiles. */
const SIZES = [1, 2, 7, 128, 255, 256, 257, 299, 300, 301, 511, 512, 519, 520, 521, 599, 600];

let database: TestDatabase;
let log: TestLog;
let directory: string;
let leafHashes: Buffer[];

beforeAll(async () => {
  database = await testDatabase();
  log = await openTestLog(database.serviceUrl);
  directory = await mkdtemp(join(tmpdir(), 'audit-known-'));
  for (const count of COMMITS) {
    await log.trail.recordAll(Array.from({ length: count }, (_, nth) => issued(nth)));
  }
  leafHashes = await log.database.run(async (manager) => readLeafHashes(manager, 0, SIZE));
  await new TileDirectory(directory).copy(log.reader);
});
afterAll(async () => {
  await log.close();
  await database.close();
  await rm(directory, { recursive: true });
});

function checkpointOver(hashes: readonly Uint8Array[]): Checkpoint {
  const range = new CompactRange();
  for (const hash of hashes) range.append(hash);
  return { origin: log.settings.origin, size: hashes.length, root: range.root() };
}

const honest = (size: number): Checkpoint => checkpointOver(leafHashes.slice(0, size));
/** What a log signs that differs from an index on. */
const forked = (size: number, from: number): Checkpoint =>
  checkpointOver(
    leafHashes.slice(0, size).map((hash, at) => (at < from ? hash : hash.toReversed())),
  );

interface Held {
  readonly known: readonly Checkpoint[];
  readonly since?: Checkpoint;
}

async function trust() {
  const verifiers = (await log.signers.current()).map(({ verifier }) => verifier);
  return { origin: log.settings.origin, verifiers };
}

const PLACES: readonly (readonly [string, boolean, (held: Held) => Promise<VerifyReport>])[] = [
  [
    'the database',
    false,
    async (held) => log.get(DatabaseVerifier).verify({ ...(await trust()), ...held }),
  ],
  [
    'a copy',
    true,
    async (held) =>
      verifyFolder({ folder: new TileDirectory(directory), ...(await trust()), ...held }),
  ],
];

describe.each(PLACES)('checkpoints that an auditor held, against %s', (_place, isFast, verify) => {
  it('accepts each that the log continues, whether a commit ended at its size or not', async () => {
    const known = [0, ...SIZES].map(honest);
    expect(await verify({ known })).toMatchObject({ size: SIZE, faults: [] });
    for (const size of [256, 300, 520]) {
      expect((await verify({ known, since: honest(size) })).faults).toEqual([]);
    }
  });

  it('refuses each of another history, at every size and from every index on', async () => {
    for (const [nth, size] of SIZES.entries()) {
      const differsFrom = [0, Math.floor(size / 2), size - 1];
      // Each size in each place, each pair in the one that is fast.
      for (const from of isFast ? new Set(differsFrom) : [differsFrom[nth % 3] ?? 0]) {
        const contradicting = forked(size, from);
        const { faults } = await verify({ known: [honest(size), contradicting] });
        expect(faults, `size ${size}, from ${from}`).toMatchObject([
          { kind: 'checkpoint-contradicted', detail: 'the log is another one than before' },
        ]);
      }
    }
  });

  it('refuses each that is older than the start of the verification', async () => {
    for (const size of [1, 256, 299, 520]) {
      const { faults } = await verify({ known: [forked(size, size - 1)], since: honest(520) });
      expect(faults, `size ${size}`).toMatchObject([{ kind: 'checkpoint-contradicted' }]);
    }
  });

  it('refuses each that is larger than the log, and a start beyond the log', async () => {
    const longer = checkpointOver([...leafHashes, Buffer.alloc(32, 1)]);
    for (const held of [{ known: [longer] }, { known: [], since: longer }]) {
      expect((await verify(held)).faults).toMatchObject([
        { kind: 'checkpoint-contradicted', detail: 'the log is shorter than before' },
      ]);
    }
  });
});
