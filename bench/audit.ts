/**
 * Benchmarks of the audit log.
 *
 *   npm run bench:audit -- [append] [issuance] [verify] [reads]
 *     [--entries 100000] [--callers 4096] [--tokens 1000] [--verify-size 1000000]
 *     [--large 5000000]
 *
 * `append`: durable, sequenced, provable appends per second, against a plain batched insert of the
 * same rows into the same tables.
 * `issuance`: tokens per second over HTTP, against an api that answers without recording.
 * `verify`: offline verification of a copied log of `--verify-size` entries.
 * `reads`: search, proof and statistics in logs of 50,000 and of `--large` entries; 5,000,000 need
 * about 17 GB of disk while it runs.
 *
 * Checks the measured results, writes bench/results/audit-<part>.md, and exits with 1 when a goal is
 * missed.
 */
import { writeFile } from 'node:fs/promises';
import { type TestCluster } from '#libs/platform/testing';
import { startTestCluster } from '../test/support/test-cluster.js';
import { measureAppend } from './audit-append.js';
import { measureIssuance } from './audit-issuance.js';
import { measureReads } from './audit-reads.js';
import { auditReport, type PartReport, partText } from './audit-report.js';
import { measureVerification } from './audit-verify.js';
import { benchmarkOptions } from './options.js';

const options = benchmarkOptions(
  import.meta.url,
  { entries: 100_000, callers: 4096, tokens: 1000, 'verify-size': 1_000_000, large: 5_000_000 },
  ['append', 'issuance', 'verify', 'reads'],
);
const parts: Record<string, (cluster: TestCluster) => Promise<PartReport>> = {
  append: async (cluster) =>
    measureAppend(cluster, { entries: options.entries, callers: options.callers }),
  issuance: async (cluster) => measureIssuance(cluster, options.tokens),
  verify: async (cluster) => measureVerification(cluster, options['verify-size']),
  reads: async (cluster) => measureReads(cluster, options.large),
};
/** Reads don't depend on durability, and the log is filled faster without it. */
const DURABLE_PARTS = new Set(['append', 'issuance']);

const names = options.words.length === 0 ? Object.keys(parts) : options.words;
const command = ['npm run bench:audit --', ...process.argv.slice(2)].join(' ').replace(/ --$/, '');
const reports: PartReport[] = [];
for (const name of names) {
  const measure = parts[name];
  if (!measure) throw new Error(`unknown part ${name}: use ${Object.keys(parts).join(', ')}`);
  const cluster = await startTestCluster(DURABLE_PARTS.has(name));
  try {
    const report = await measure(cluster);
    console.log(partText(report));
    await writeFile(`bench/results/audit-${name}.md`, auditReport(report, command));
    reports.push(report);
  } finally {
    await cluster.remove();
  }
}
const isMissed = reports.some(({ figures }) => figures.some(({ goal }) => goal?.isMet === false));
process.exitCode = isMissed ? 1 : 0;
