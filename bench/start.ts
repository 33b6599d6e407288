/**
 * How long the api takes to start, with its database, Key Vault and Entra ID at hand.
 *
 *   npm run bench:start -- [--rounds 10]
 *
 * In turns, so that whatever else the machine does meets all alike: the bundled program until it
 * listens and until it is ready (`GET /health/ready` answers 200), the program as tsc leaves it until
 * it listens, and the bare runtime. Writes bench/results/start.md; exits with 1 when the goal is missed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startTestCluster } from '../test/support/test-cluster.js';
import { Service } from '../test/support/service.js';

/** From the start of the process until it is ready, at the median. */
const GOAL_MS = 2_000;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } });
const rounds = Number(values.rounds);
const unbundled = fileURLToPath(new URL('../apps/api/src/main.js', import.meta.url));

const times = { listening: [] as number[], ready: [] as number[], unbundled: [] as number[] };
const bare: number[] = [];
const cluster = await startTestCluster();
try {
  const target = { superuserUrl: cluster.url('postgres'), port: cluster.port };
  const service = await Service.start({ cluster: target, replicas: 0 });
  try {
    for (let round = 0; round < rounds; round += 1) {
      const startedAt = performance.now();
      const api = await service.addApi();
      times.listening.push(performance.now() - startedAt);
      await untilReady(api.url);
      times.ready.push(performance.now() - startedAt);
      await api.stop();
      const plain = await service.addApi({}, unbundled);
      times.unbundled.push(plain.readyAfterMs);
      await plain.stop();
      bare.push(await nothing());
    }
  } finally {
    await service.stop();
  }
} finally {
  await cluster.remove();
}

const rows = [
  ['the api, until it is ready', times.ready],
  ['the api, until it listens', times.listening],
  ['as tsc leaves it, until it listens', times.unbundled],
  ['the bare runtime, start to end', bare],
] as const;
const report = `# The start of the api

\`npm run bench:start -- --rounds ${rounds}\` on ${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}; milliseconds from the start of the process, in turns.

| | median | least | most |
|---|---|---|---|
${rows.map(([what, all]) => `| ${what} | ${ms(median(all))} | ${ms(Math.min(...all))} | ${ms(Math.max(...all))} |`).join('\n')}

Goal: ready within ${GOAL_MS} ms at the median: ${isMet() ? 'met' : '**missed**'}.
`;
console.log(report);
await mkdir('bench/results', { recursive: true });
await writeFile('bench/results/start.md', report);
process.exitCode = isMet() ? 0 : 1;

function isMet(): boolean {
  return median(times.ready) <= GOAL_MS;
}

async function untilReady(url: string): Promise<void> {
  while ((await fetch(`${url}/health/ready`)).status !== 200) await delay(5);
}

async function nothing(): Promise<number> {
  const startedAt = performance.now();
  await once(spawn(process.execPath, ['-e', '0']), 'exit');
  return performance.now() - startedAt;
}

function median(all: readonly number[]): number {
  return all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
}

function ms(time: number): string {
  return time.toFixed(0);
}
