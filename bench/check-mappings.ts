/**
 * Time and memory of `acs-identity audit check-mappings` on many mappings.
 *
 *   npm run bench:check-mappings -- [--mappings 1000000] [--tokens 1]
 *
 * Each mapping has the entry of an import, and one for each of its tokens.
 */
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { MappingCheckReport } from '#libs/identity-mapping';
import { openTestLog, type TestLog } from '#libs/audit/testing';
import { cloneDatabase, type TestDatabase } from '#libs/platform/testing';
import { compileCache, repositoryRoot } from '../test/support/root.js';
import { startTestCluster } from '../test/support/test-cluster.js';
import { today } from './figures.js';
import { MappingFiller } from './mapping-filler.js';
import { benchmarkOptions } from './options.js';

const { mappings, tokens } = benchmarkOptions(import.meta.url, { mappings: 1_000_000, tokens: 1 });
const SLICE = 50_000;

async function fill(log: TestLog): Promise<void> {
  const filler = new MappingFiller(log);
  for (let done = 0; done < mappings; done += SLICE) {
    await filler.add(Math.min(SLICE, mappings - done), tokens);
    console.log(`${Math.min(done + SLICE, mappings)} mappings`);
  }
}

interface Run {
  readonly report: MappingCheckReport;
  readonly seconds: number;
  readonly peakMb: number;
}

/** Runs the command as an auditor does. */
async function check({ serviceUrl }: TestDatabase, key: string): Promise<Run> {
  const args = ['--read-only', '--json', '--database-url', serviceUrl, '--public-key', key];
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    [`${repositoryRoot}dist/bin/acs-identity.js`, 'audit', 'check-mappings', ...args],
    { env: { PATH: process.env.PATH, ...compileCache }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let peakKb = 0;
  const timer = setInterval(() => {
    void readFile(`/proc/${child.pid}/status`, 'utf8').then(
      (status) => (peakKb = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? peakKb)),
      () => undefined,
    );
  }, 200);
  const output = await text(child.stdout);
  clearInterval(timer);
  return {
    report: JSON.parse(output) as MappingCheckReport,
    seconds: (performance.now() - startedAt) / 1000,
    peakMb: Math.round(peakKb / 1024),
  };
}

const cluster = await startTestCluster();
try {
  const database = await cloneDatabase(cluster);
  const log = await openTestLog(database.serviceUrl, {
    timeoutMs: 120_000,
    databaseTimeoutMs: 120_000,
  });
  await fill(log);
  const [key] = (await log.signers.current()).map(({ verifier }) => verifier.toString());
  await log.close();
  await cluster.execute('VACUUM ANALYZE', database.name);
  const { report, seconds, peakMb } = await check(database, key ?? '');
  const { rows, agreeing, differenceCount, log: verified } = report;
  const lines = [
    '# Checking the mappings against the log',
    '',
    `\`npm run bench:check-mappings -- --mappings ${mappings} --tokens ${tokens}\` on ${today()}: \`acs-identity audit check-mappings --read-only\`, one process beside PostgreSQL on the same machine. The log is verified in the same run.`,
    '',
    '| Mappings | Entries of the log | Time | Peak memory of the command | Agreeing | Differences |',
    '|---|---|---|---|---|---|',
    `| ${rows.toLocaleString('en')} | ${verified.size.toLocaleString('en')} | ${seconds.toFixed(0)} s | ${peakMb} MB | ${agreeing.toLocaleString('en')} | ${differenceCount} |`,
  ];
  await writeFile(`${repositoryRoot}bench/results/check-mappings.md`, `${lines.join('\n')}\n`);
  console.log(lines.join('\n'));
  if (agreeing !== mappings || differenceCount > 0) process.exitCode = 1;
} finally {
  await cluster.remove();
}
