/**
 * How fast the audit log is.
 *
 *   npm run bench:audit -- [append] [issuance] [verify] [reads]
 *     [--entries 100000] [--callers 4096] [--tokens 1000] [--verify-size 1000000]
 *     [--large 5000000]
 *
 * `append`: durable, sequenced, provable appends per second, in turns with a plain batched insert of
 * the same rows into the same tables.
 * `issuance`: tokens per second over HTTP, in turns with an api that answers without recording.
 * `verify`: offline verification of a copied log of `--verify-size` entries.
 * `reads`: search, proof and statistics in logs of 50,000 and of `--large` entries; 5,000,000 take
 * about 17 GB of disk for as long as it runs.
 *
 * Checks what it measures, writes bench/results/audit-<part>.md, and exits with 1 when a goal is
 * missed.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type TestCluster } from '#libs/platform/testing';
import { startTestCluster } from '../test/support/test-cluster.js';
import { measureAppend } from './audit-append.js';
import { measureIssuance } from './audit-issuance.js';
import { measureReads } from './audit-reads.js';
import { auditReport, type PartReport, partText } from './audit-report.js';
import { measureVerification } from './audit-verify.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    entries: { type: 'string', default: '100000' },
    callers: { type: 'string', default: '4096' },
    tokens: { type: 'string', default: '1000' },
    'verify-size': { type: 'string', default: '1000000' },
    large: { type: 'string', default: '5000000' },
  },
});
const parts: Record<string, (cluster: TestCluster) => Promise<PartReport>> = {
  append: async (cluster) =>
    measureAppend(cluster, { entries: Number(values.entries), callers: Number(values.callers) }),
  issuance: async (cluster) => measureIssuance(cluster, Number(values.tokens)),
  verify: async (cluster) => measureVerification(cluster, Number(values['verify-size'])),
  reads: async (cluster) => measureReads(cluster, Number(values.large)),
};
/** What readers wait for does not depend on it, and filling goes faster without. */
const durable = new Set(['append', 'issuance']);

const asked = positionals.length === 0 ? Object.keys(parts) : positionals;
const command = ['npm run bench:audit --', ...process.argv.slice(2)].join(' ').replace(/ --$/, '');
const reports: PartReport[] = [];
for (const name of asked) {
  const measure = parts[name];
  if (!measure) throw new Error(`there is no part ${name}`);
  const cluster = await startTestCluster(durable.has(name));
  try {
    const report = await measure({ superuserUrl: cluster.url('postgres'), port: cluster.port });
    console.log(partText(report));
    await writeFile(`bench/results/audit-${name}.md`, auditReport(report, command));
    reports.push(report);
  } finally {
    await cluster.remove();
  }
}
const isMissed = reports.some(({ figures }) => figures.some(({ goal }) => goal?.isMet === false));
process.exitCode = isMissed ? 1 : 0;
