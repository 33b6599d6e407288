/**
 * Start time of the api, with its database, Key Vault and Entra ID running.
 *
 *   npm run bench:start -- [--rounds 10]
 *
 * Alternating, so that other load on the machine affects all alike: the bundled program until it
 * listens and until it is ready (`GET /health/ready` answers 200), the function app until its host has the
 * first answer, the compiled program until it listens, and Node alone. Writes bench/results/start.md;
 * exits with 1 when a goal is missed.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { COMPILED_API } from '../apps/local/src/api-process.js';
import { FunctionsHost } from '../test/support/functions-host.js';
import { startTestCluster } from '../test/support/test-cluster.js';
import { Service } from '../test/support/service.js';
import { machine, median, today } from './figures.js';
import { benchmarkOptions } from './options.js';

/** Median from the start of the process until it is ready. */
const GOAL_MS = 2_000;
/** Median from the start of the process of a function app until its host has the first answer. */
const FUNCTION_APP_GOAL_MS = 1_500;

const { rounds } = benchmarkOptions(import.meta.url, { rounds: 10 });

const times = {
  listening: [] as number[],
  ready: [] as number[],
  functionApp: [] as number[],
  compiled: [] as number[],
  runtime: [] as number[],
};
const cluster = await startTestCluster();
const folder = await mkdtemp(join(tmpdir(), 'acs-identity-functions-'));
try {
  const service = await Service.start({ cluster, replicas: 0 });
  const root = join(folder, 'app');
  const script = 'scripts/functions-package.mjs';
  await promisify(execFile)(process.execPath, [script, root, '--without-node']);
  try {
    for (let round = 0; round < rounds; round += 1) {
      const startedAt = performance.now();
      const api = await service.addApi();
      times.listening.push(performance.now() - startedAt);
      await untilReady(api.url);
      times.ready.push(performance.now() - startedAt);
      await api.stop();
      times.functionApp.push(await functionAppMs(service, root));
      const compiled = await service.addApi({}, COMPILED_API);
      times.compiled.push(compiled.readyAfterMs);
      await compiled.stop();
      times.runtime.push(await runtimeMs());
    }
  } finally {
    await service.stop();
  }
} finally {
  await cluster.remove();
  await rm(folder, { recursive: true, force: true });
}

const rows = [
  ['the api, until it is ready', times.ready],
  ['the api, until it listens', times.listening],
  ['the function app, until its host has the first answer', times.functionApp],
  ['the compiled, unbundled api, until it listens', times.compiled],
  ['Node alone, start to end', times.runtime],
] as const;
const report = `# The start of the api

\`npm run bench:start -- --rounds ${rounds}\` on ${today()}, ${machine()}; milliseconds from the start of the process, alternating. PostgreSQL does not wait for the disk (\`fsync=off\`).

| | median | lowest | highest |
|---|---|---|---|
${rows.map(([what, samples]) => `| ${what} | ${ms(median(samples))} | ${ms(Math.min(...samples))} | ${ms(Math.max(...samples))} |`).join('\n')}

Goal: ready within ${GOAL_MS} ms, and the first answer of the function app within ${FUNCTION_APP_GOAL_MS} ms, at the median: ${isMet() ? 'met' : '**missed**'}.
`;
console.log(report);
await mkdir('bench/results', { recursive: true });
await writeFile('bench/results/start.md', report);
process.exitCode = isMet() ? 0 : 1;

function isMet(): boolean {
  return median(times.ready) <= GOAL_MS && median(times.functionApp) <= FUNCTION_APP_GOAL_MS;
}

async function functionAppMs({ environment }: Service, root: string): Promise<number> {
  const settings = {
    ...environment,
    ...{ FUNCTIONS_WORKER_RUNTIME: 'custom', AzureWebJobsStorage: 'UseDevelopmentStorage=true' },
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
  };
  const host = await FunctionsHost.start({ root, settings });
  await host.stop();
  return host.startMs;
}

async function untilReady(url: string): Promise<void> {
  while ((await fetch(`${url}/health/ready`)).status !== 200) await delay(5);
}

async function runtimeMs(): Promise<number> {
  const startedAt = performance.now();
  await once(spawn(process.execPath, ['-e', '0']), 'exit');
  return performance.now() - startedAt;
}

function ms(time: number): string {
  return time.toFixed(0);
}
