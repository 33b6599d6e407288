import { entriesPath, TILE_WIDTH, verifyProofFile } from '#libs/transparency-log';
import { alice, issued, type TestLog } from '#libs/audit/testing';
import { EntryRepository } from '../libs/audit/src/query/entry-repository.js';
import { EntrySearch } from '../libs/audit/src/query/entry-search.js';
import { EntryStatistics } from '../libs/audit/src/query/entry-statistics.js';
import type { TestCluster } from '#libs/platform/testing';
import { filledLog, identityOf, onOther, subjectOf } from './audit-filler.js';
import { median, type PartReport, whole } from './audit-report.js';

const smallSize = 50_000;
const goal = 1.5;
const turns = 5;
const samplesPerTurn = 60;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** One kind of reading; `nth` makes what is asked for differ from time to time. */
type Read = (nth: number) => Promise<{ readonly found: number }>;

interface Subject {
  readonly log: TestLog;
  readonly reads: ReadonlyMap<string, Read>;
}

/** The same readings in a small log and in a large one, in turns; the first turn warms up. */
export async function measureReads(cluster: TestCluster, large: number): Promise<PartReport> {
  const subjects: Subject[] = [];
  for (const size of [smallSize, large]) {
    const log = await filledLog(cluster, size);
    await assertProofs(log, size);
    subjects.push({ log, reads: readsOf(log, size) });
  }
  const times = new Map<string, number[][]>();
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [place, { reads }] of subjects.entries()) {
      for (const [name, read] of reads) {
        const samples = await measure(name, read, turn);
        const all = times.get(name) ?? [[], []];
        if (turn > 0) all[place]?.push(...samples);
        times.set(name, all);
      }
    }
  }
  for (const { log } of subjects) await log.close();
  return {
    title: 'Reading',
    how: `Logs of ${whole(smallSize)} and of ${whole(large)} entries over the same twenty days, written by the service's own code; each reading ${(turns - 1) * samplesPerTurn} times on each, in turns; medians. Readings go through the service's own code, the way to PostgreSQL and back included; each must find something. Statistics count days that are over; the hour that runs is counted anew each time, at a cost that grows with its entries.`,
    figures: [...times].map(([name, [small = [], big = []]]) => {
      const ratio = median(big) / median(small);
      return {
        what: name,
        measured: `${median(small).toFixed(2)} ms, ${median(big).toFixed(2)} ms: ×${ratio.toFixed(2)}`,
        // A bundle is 256 whole entries, from disk where the log exceeds the memory: no search, no proof.
        ...(name !== 'entry bundle' && {
          goal: { text: `at most ×${goal}`, isMet: ratio <= goal },
        }),
      };
    }),
  };
}

async function measure(name: string, read: Read, turn: number): Promise<number[]> {
  const samples: number[] = [];
  for (let nth = 0; nth < samplesPerTurn; nth += 1) {
    const startedAt = performance.now();
    const { found } = await read(turn * samplesPerTurn + nth);
    samples.push(performance.now() - startedAt);
    if (found === 0) throw new Error(`${name}: nothing was found`);
  }
  return samples;
}

/** The filled log is a real one: its checkpoint is signed, and entries all over it have their proofs. */
async function assertProofs(log: TestLog, size: number): Promise<void> {
  const reader = log.reader;
  const rows = new EntryRepository(log.database);
  const trust = {
    origin: log.settings.origin,
    verifiers: (await log.signers.current()).map(({ verifier }) => verifier),
  };
  for (let nth = 0; nth < 100; nth += 1) {
    const index = Math.floor((nth * (size - 1)) / 99);
    const [row] = await rows.byIndex(index, index + 1);
    if (!row) throw new Error(`entry ${index} is missing`);
    verifyProofFile(await reader.proofFile(index), row.leaf, trust);
  }
}

function readsOf(log: TestLog, size: number): Map<string, Read> {
  const rows = new EntryRepository(log.database);
  const search = new EntrySearch(log.database, rows);
  const statistics = new EntryStatistics(log.database);
  const reader = log.reader;
  const now = log.clock.now();
  const middle = Math.floor(size / 2);
  const window = { from: new Date(now - 10 * dayMs), to: new Date(now - 2 * dayMs) };
  const hour = { from: new Date(now - 10 * dayMs), to: new Date(now - 10 * dayMs + hourMs) };
  const find =
    (query: (nth: number) => Omit<Parameters<EntrySearch['find']>[0], 'limit'>, limit = 50): Read =>
    async (nth) => ({ found: (await search.find({ limit, ...query(nth) })).items.length });
  const other = (nth: number): number => 9 + 20 * (nth % 1000);
  return new Map<string, Read>([
    ['newest page', find(() => ({}))],
    ['page in the middle', find(() => ({ before: middle }))],
    ['page of an hour', find(() => hour)],
    ['by action', find(() => ({ action: 'token.issue' }))],
    ['by a rare action', find(() => ({ action: 'identity.suspend' }))],
    ['by outcome in a window', find(() => ({ outcome: 'denied', ...window }))],
    [
      'by tenant',
      find((nth) => ({ actorTenant: nth % 2 ? alice.tenant : `tenant-${3 + 10 * (nth % 20)}` })),
    ],
    ['by person', find((nth) => ({ actorSubject: subjectOf(nth) }), 5)],
    ['by person in a window', find((nth) => ({ actorSubject: subjectOf(nth), ...window }), 3)],
    ['by whom it was done to', find((nth) => ({ targetSubject: onOther(other(nth)).subject }), 2)],
    ['by application', find((nth) => ({ clientApp: `application-${nth % 8}` }))],
    ['by identity', find((nth) => ({ identityId: identityOf(nth).identityId }), 5)],
    [
      'by communication identity',
      find((nth) => ({ communicationUserId: identityOf(nth).communicationUserId }), 5),
    ],
    ['by address', find((nth) => ({ clientAddress: `203.0.113.${nth % 256}` }))],
    ['by fingerprint', find((nth) => ({ fingerprint: issued(nth).token?.fingerprint }))],
    ['by code of the reason', find(() => ({ reasonCode: 'policy-refused' }))],
    ['by a common word of the reason', find(() => ({ reasonText: 'refused' }))],
    ['by a rare word of the reason', find(() => ({ reasonText: 'singular' }))],
    [
      "another tenant's own entries",
      find((nth) => ({ scopeTenant: `tenant-${3 + 10 * (nth % 20)}` })),
    ],
    [
      'inclusion proof',
      async (nth) => ({ found: (await reader.proofFile((nth * 7919) % size)).length }),
    ],
    [
      'consistency proof',
      async (nth) => ({ found: (await reader.consistency(1 + ((nth * 7919) % (size - 1)))).size }),
    ],
    [
      'entry bundle',
      async (nth) => ({
        found: (await reader.resource(bundlePath((nth * 31) % Math.floor(size / 256)))).length,
      }),
    ],
    ...(['day', 'hour'] as const).map((bucket): [string, Read] => [
      `statistics by ${bucket}`,
      async () => {
        const days = { from: floorDay(now - 9 * dayMs), to: floorDay(now - dayMs) };
        const counts = await statistics.count({ ...days, bucket, dimension: 'outcome' });
        return { found: counts.length };
      },
    ]),
  ]);
}

function floorDay(time: number): Date {
  return new Date(Math.floor(time / dayMs) * dayMs);
}

function bundlePath(index: number): string {
  return entriesPath({ index, width: TILE_WIDTH });
}
