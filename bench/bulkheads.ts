/**
 * A good caller's tokens while others read as much as they can.
 *
 *   npm run bench:bulkheads -- [--entries 120000] [--tokens 400] [--rounds 5]
 *
 * One api process on a log of `--entries` entries. Each round measures `--tokens` tokens while nothing
 * else runs, and as many under a flood: an import of 10 MB of empty lines, 50 exports, 200 searches and
 * 50 readers of pages of 1,000 entries, all at once and repeated. Writes bench/results/bulkheads.md,
 * and exits with 1 when a goal is missed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { PERMISSIONS } from '#libs/authentication';
import { openTestLog } from '#libs/audit/testing';
import { Service } from '../test/support/service.js';
import { startTestCluster } from '../test/support/test-cluster.js';
import { entryAt } from './audit-filler.js';
import { machine, median, quantile, today, whole } from './figures.js';
import { benchmarkOptions } from './options.js';

const FLOOD = fileURLToPath(new URL('./bulkheads-flood.js', import.meta.url));
const MAX_RATIO = 2;
const MAX_RSS_MB = 512;
const CALLERS = 4;
const READERS = 40;
const FILL_BATCH = 1_000;
/** Until every reader has had an answer. */
const WARM_UP_MS = 4_000;

const { entries, tokens, rounds } = benchmarkOptions(import.meta.url, {
  ...{ entries: 120_000, tokens: 400, rounds: 5 },
});

interface Round {
  readonly idle: readonly number[];
  readonly flooded: readonly number[];
}

const cluster = await startTestCluster();
try {
  const service = await Service.start({
    cluster,
    replicas: 0,
    emulator: { acs: { limits: 'off', signingKeyBits: 1024 } },
    environment: {
      LOG_LEVEL: 'info',
      AUTHENTICATION_REQUESTS_PER_MINUTE: '0',
      ACS_BUDGET_CREATE: '1000000',
      ACS_BUDGET_ISSUE: '1000000',
      ACS_BUDGET_CREATE_WITH_TOKEN: '1000000',
    },
  });
  try {
    await report(service);
  } finally {
    await service.stop();
  }
} finally {
  await cluster.remove();
}

async function report(service: Service): Promise<void> {
  await fill(service);
  console.log(`filled ${whole(entries)} entries`);
  const api = await service.addApi();
  const bearers = await tokensFor(service, CALLERS, {});
  const readers = await tokensFor(service, READERS, {
    scp: PERMISSIONS.join(' '),
    roles: [...PERMISSIONS],
  });
  const pool = new Pool(api.url, { connections: CALLERS });
  await issue(pool, bearers, tokens); // warm-up
  const idleMb = await memoryMb(api.process, 'VmRSS');
  const measured: Round[] = [];
  let answers: Readonly<Record<string, number>> = {};
  for (let round = 0; round < rounds; round += 1) {
    const idle = await issue(pool, bearers, tokens);
    const flood = spawn(process.execPath, [FLOOD, api.url, ...readers], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: flood.stdout }).on('line', (line) => {
      answers = JSON.parse(line) as Record<string, number>;
    });
    await delay(WARM_UP_MS);
    const flooded = await issue(pool, bearers, tokens);
    await delay(1_000);
    flood.kill('SIGKILL');
    await once(flood, 'exit');
    measured.push({ idle, flooded });
    console.log(JSON.stringify({ round, idle: p99(idle), flooded: p99(flooded), answers }));
    await delay(WARM_UP_MS);
  }
  await pool.close();
  await write(measured, { idleMb, peakMb: await memoryMb(api.process, 'VmHWM'), answers });
}

async function write(
  measured: readonly Round[],
  {
    idleMb,
    peakMb,
    answers,
  }: { idleMb: number; peakMb: number; answers: Readonly<Record<string, number>> },
): Promise<void> {
  const ratio = median(measured.map(({ idle, flooded }) => p99(flooded) / p99(idle)));
  const middle = median(
    measured.map(({ idle, flooded }) => quantile(flooded, 0.5) / quantile(idle, 0.5)),
  );
  const isMet = ratio <= MAX_RATIO && peakMb <= MAX_RSS_MB;
  const verdict = (isGood: boolean): string => (isGood ? 'met' : '**missed**');
  const list = (pick: (round: Round) => number): string =>
    measured.map((round) => pick(round).toFixed(1)).join(', ');
  const text = `# Issuing while others read

\`npm run bench:bulkheads\` on ${today()}, ${machine()}; load, service, emulator and PostgreSQL on the same cores, so that only ratios count. PostgreSQL does not wait for the disk (\`fsync=off\`).

One api process with default settings, except limits of callers and of ACS. The log has ${whole(entries)} entries. ${CALLERS} callers request ${whole(tokens)} tokens, each waiting for its response, while nothing else runs and then under a flood: an import of 10 MB of empty lines, 50 exports of the whole log, 200 searches by a common word and 50 readers of pages of 1,000 entries, all at once by ${READERS} auditors, repeated without a pause, after a 503 after \`Retry-After\`. ${rounds} rounds; medians of ratios.

| What | Measured | Goal | |
|---|---|---|---|
| p99 of a token, flooded ÷ idle | ×${ratio.toFixed(2)} | at most ×${MAX_RATIO} | ${verdict(ratio <= MAX_RATIO)} |
| median of a token, flooded ÷ idle | ×${middle.toFixed(2)} | | |
| p99 by round, idle, ms | ${list(({ idle }) => p99(idle))} | | |
| p99 by round, flooded, ms | ${list(({ flooded }) => p99(flooded))} | | |
| highest resident memory of the api | ${whole(peakMb)} MB; before the flood ${whole(idleMb)} MB | at most ${MAX_RSS_MB} MB | ${verdict(peakMb <= MAX_RSS_MB)} |

Answers of the flood in the last round: ${Object.entries(answers)
    .sort()
    .map(([name, count]) => `${name} ×${whole(count)}`)
    .join('; ')}.
`;
  await writeFile('bench/results/bulkheads.md', text);
  console.log(text);
  process.exitCode = isMet ? 0 : 1;
}

/** Writes entries to the log by the service's own code. */
async function fill({ database }: Service): Promise<void> {
  const log = await openTestLog(database.serviceUrl, { timeoutMs: 120_000 });
  for (let done = 0; done < entries; done += FILL_BATCH) {
    await log.trail.recordAll(
      Array.from({ length: FILL_BATCH }, (_, nth) => entryAt(done + nth, entries)),
    );
  }
  await log.close();
}

async function tokensFor(
  { emulator }: Service,
  count: number,
  claims: Readonly<Record<string, unknown>>,
): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async () =>
      emulator.control.mintToken({ person: 'alice', claims: { oid: randomUUID(), ...claims } }),
    ),
  );
}

/** @returns the duration of each request, in milliseconds */
async function issue(pool: Pool, bearers: readonly string[], count: number): Promise<number[]> {
  const times: number[] = [];
  let next = 0;
  await Promise.all(
    bearers.map(async (bearer) => {
      while (next++ < count) {
        const startedAt = performance.now();
        const { statusCode, body } = await pool.request({
          path: '/v1/me/tokens',
          method: 'POST',
          headers: { authorization: `Bearer ${bearer}` },
        });
        const text = await body.text();
        if (statusCode !== 200) throw new Error(`a token was refused: ${text}`);
        times.push(performance.now() - startedAt);
      }
    }),
  );
  return times;
}

function p99(times: readonly number[]): number {
  return quantile(times, 0.99);
}

async function memoryMb({ pid }: ChildProcess, figure: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${figure}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}
