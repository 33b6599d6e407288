import { canonicalName } from '#libs/platform';
import { entriesPath, TILE_WIDTH, verifyProofFile } from '#libs/transparency-log';
import { alice, issued, type TestLog } from '#libs/audit/testing';
import { ReadingDatabase } from '#libs/platform';
import { EntryRepository } from '../libs/audit/src/query/entry-repository.js';
import { EntrySearch } from '../libs/audit/src/query/entry-search.js';
import { EntryStatistics } from '../libs/audit/src/query/entry-statistics.js';
import { TokenTracer } from '../libs/audit/src/query/token-tracer.js';
import type { TestCluster } from '#libs/platform/testing';
import {
  filledLog,
  identityOf,
  nameOf,
  otherTarget,
  subjectOf,
  tokenIdOf,
  traceIdOf,
} from './audit-filler.js';
import type { PartReport } from './audit-report.js';
import { median, whole } from './figures.js';

const SMALL_SIZE = 50_000;
const MAX_RATIO = 1.5;
const ROUNDS = 5;
const SAMPLES_PER_ROUND = 60;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** One kind of read; `nth` varies its parameters. */
type Read = (nth: number) => Promise<{ readonly found: number }>;

interface Subject {
  readonly log: TestLog;
  readonly reads: ReadonlyMap<string, Read>;
}

/** The same reads in a small and a large log, alternating; the first round is a warm-up. */
export async function measureReads(cluster: TestCluster, large: number): Promise<PartReport> {
  const subjects: Subject[] = [];
  for (const size of [SMALL_SIZE, large]) {
    const log = await filledLog(cluster, size);
    await assertProofs(log, size);
    subjects.push({ log, reads: readsOf(log, size) });
  }
  const times = new Map<string, number[][]>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [place, { reads }] of subjects.entries()) {
      for (const [name, read] of reads) {
        const samples = await measure(name, read, round);
        const all = times.get(name) ?? [[], []];
        if (round > 0) all[place]?.push(...samples);
        times.set(name, all);
      }
    }
  }
  for (const { log } of subjects) await log.close();
  return {
    title: 'Reading',
    how: `Logs of ${whole(SMALL_SIZE)} and of ${whole(large)} entries over the same twenty days, written by the service's own code; each read ${(ROUNDS - 1) * SAMPLES_PER_ROUND} times on each, alternating; medians. Reads go through the service's own code, unbundled, the round trip to PostgreSQL included, which does not wait for the disk (\`fsync=off\`); each must find something. Statistics count past days; the current hour is counted again each time, at a cost that grows with its entries.`,
    figures: [...times].map(([name, [small = [], big = []]]) => {
      const ratio = median(big) / median(small);
      return {
        what: name,
        measured: `${median(small).toFixed(2)} ms, ${median(big).toFixed(2)} ms: ×${ratio.toFixed(2)}`,
        // A bundle is 256 whole entries, read from disk where the log exceeds the memory.
        ...(name !== 'entry bundle' && {
          goal: { text: `at most ×${MAX_RATIO}`, isMet: ratio <= MAX_RATIO },
        }),
      };
    }),
  };
}

async function measure(name: string, read: Read, round: number): Promise<number[]> {
  const samples: number[] = [];
  for (let nth = 0; nth < SAMPLES_PER_ROUND; nth += 1) {
    const startedAt = performance.now();
    const { found } = await read(round * SAMPLES_PER_ROUND + nth);
    samples.push(performance.now() - startedAt);
    if (found === 0) throw new Error(`${name}: nothing was found`);
  }
  return samples;
}

/** @throws unless the checkpoint is signed and entries from all parts of the log have valid proofs */
async function assertProofs(log: TestLog, size: number): Promise<void> {
  const reader = log.reader;
  const rows = new EntryRepository(log.get(ReadingDatabase));
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
  const search = log.get(EntrySearch);
  const statistics = new EntryStatistics(log.get(ReadingDatabase));
  const tracer = log.get(TokenTracer);
  const reader = log.reader;
  const now = log.clock.now();
  const middle = Math.floor(size / 2);
  const window = { from: new Date(now - 10 * DAY_MS), to: new Date(now - 2 * DAY_MS) };
  const hour = { from: new Date(now - 10 * DAY_MS), to: new Date(now - 10 * DAY_MS + HOUR_MS) };
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
    ['by the most common outcome', find(() => ({ outcome: 'success' }))],
    ['by outcome in a window', find(() => ({ outcome: 'denied', ...window }))],
    [
      'by tenant',
      find((nth) => ({
        actorTenant: canonicalName(nth % 2 ? alice.tenant : `tenant-${3 + 10 * (nth % 20)}`),
      })),
    ],
    ['by person', find((nth) => ({ actorSubject: canonicalName(subjectOf(nth)) }), 5)],
    [
      'by person in a window',
      find((nth) => ({ actorSubject: canonicalName(subjectOf(nth)), ...window }), 3),
    ],
    [
      'by target',
      find((nth) => ({ targetSubject: canonicalName(otherTarget(other(nth)).subject) }), 2),
    ],
    ['by application', find((nth) => ({ clientApp: canonicalName(`application-${nth % 8}`) }))],
    ['by identity', find((nth) => ({ identityId: canonicalName(identityOf(nth).identityId) }), 5)],
    [
      'by communication identity',
      find(
        (nth) => ({ communicationUserId: canonicalName(identityOf(nth).communicationUserId) }),
        5,
      ),
    ],
    ['by address', find((nth) => ({ clientAddress: `203.0.113.${nth % 256}` }))],
    ['by fingerprint', find((nth) => ({ fingerprint: issued(nth).token?.fingerprint }))],
    ['by code of the reason', find(() => ({ reasonCode: 'policy-refused' }))],
    ['by a common word of the reason', find(() => ({ reasonText: 'refused' }))],
    ['by a rare word of the reason', find(() => ({ reasonText: 'singular' }))],
    ['every action but one', find(() => ({ actionNot: 'token.issue' }), 1)],
    ['by several actions', find(() => ({ action: ['identity.suspend', 'token.issue'] }))],
    ['by several outcomes', find(() => ({ outcome: ['denied', 'failure'] }))],
    ['by kind of actor', find(() => ({ actorKind: 'user' }))],
    ['by guest', find(() => ({ isGuest: true }))],
    ['every actor but one', find((nth) => ({ actorSubjectNot: [canonicalName(subjectOf(nth))] }))],
    ['by rule', find(() => ({ rule: 'guests' }))],
    ['by version of the policy', find(() => ({ policyVersion: '2' }))],
    [
      'by version of the secret',
      find(() => ({ secretVersion: 'fedcba9876543210fedcba9876543210' })),
    ],
    ['by resource', find(() => ({ resource: 'secondary' }))],
    ['by scope', find(() => ({ scope: 'chat' }))],
    [
      'by tenant of the target',
      find((nth) => ({ targetTenant: canonicalName(`tenant-${3 + 10 * (nth % 20)}`) })),
    ],
    ['by request', find((nth) => ({ requestId: issued(nth).request?.requestId }), 1)],
    ['by trace id', find((nth) => ({ traceId: traceIdOf(nth) }), 1)],
    ["by the caller's token", find((nth) => ({ tokenId: tokenIdOf(nth) }), 10)],
    ['by range of addresses', find((nth) => ({ address: `203.0.113.${16 * (nth % 16)}/28` }))],
    ['by display name', find((nth) => ({ displayName: nameOf(nth) }), 5)],
    ['oldest page', find(() => ({ order: 'ascending' }))],
    ['ascending after an index', find(() => ({ order: 'ascending', after: middle }))],
    [
      'by rule and outcome, ascending',
      find(() => ({ rule: 'default', outcome: 'denied', order: 'ascending', after: middle })),
    ],
    [
      'trace of a fingerprint',
      async (nth) => ({
        found: (await tracer.trace({ fingerprint: issued(nth).token?.fingerprint ?? '' })).entries
          .length,
      }),
    ],
    [
      "trace of a caller's token",
      async (nth) => ({ found: (await tracer.trace({ tokenId: tokenIdOf(nth) })).entries.length }),
    ],
    [
      "another tenant's own entries",
      find((nth) => ({ scopeTenant: canonicalName(`tenant-${3 + 10 * (nth % 20)}`) })),
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
        const days = { from: floorDay(now - 9 * DAY_MS), to: floorDay(now - DAY_MS) };
        const counts = await statistics.count({ ...days, bucket, dimension: 'outcome' });
        return { found: counts.length };
      },
    ]),
  ]);
}

function floorDay(time: number): Date {
  return new Date(Math.floor(time / DAY_MS) * DAY_MS);
}

function bundlePath(index: number): string {
  return entriesPath({ index, width: TILE_WIDTH });
}
