import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TileDirectory, verifyFolder } from '#libs/audit';
import type { TestCluster } from '#libs/platform/testing';
import { filledLog } from './audit-filler.js';
import type { PartReport } from './audit-report.js';
import { median, whole } from './figures.js';

/** For a million entries. */
const GOAL_SECONDS = 10;
const ROUNDS = 3;

/** Verifies a copy of a log from its files and the public key. */
export async function measureVerification(cluster: TestCluster, size: number): Promise<PartReport> {
  const log = await filledLog(cluster, size);
  const path = await mkdtemp(join(tmpdir(), 'audit-bench-'));
  const samples: { readonly seconds: number; readonly cpuSeconds: number }[] = [];
  try {
    const folder = new TileDirectory(path);
    await folder.copy(log.reader);
    const verifiers = (await log.signers.current()).map(({ verifier }) => verifier);
    for (let round = 0; round < ROUNDS; round += 1) {
      const startedAt = performance.now();
      const before = process.cpuUsage();
      const report = await verifyFolder({ folder, origin: log.settings.origin, verifiers });
      const { user, system } = process.cpuUsage(before);
      const seconds = (performance.now() - startedAt) / 1000;
      samples.push({ seconds, cpuSeconds: (user + system) / 1e6 });
      if (report.faults.length > 0) throw new Error('the log does not verify');
      if (report.size !== size) throw new Error(`${report.size} entries were verified`);
    }
  } finally {
    await rm(path, { recursive: true });
    await log.close();
  }
  const seconds = median(samples.map((sample) => sample.seconds));
  const cpuSeconds = median(samples.map((sample) => sample.cpuSeconds));
  const goal = (GOAL_SECONDS * size) / 1_000_000;
  return {
    title: 'Offline verification',
    how: `\`verifyFolder\`, which \`acs-identity audit verify --folder\` runs, on a copy of ${whole(size)} entries in files: every entry is hashed, every tile compared, root and signature checked. One thread, unbundled code; median of ${ROUNDS} runs.`,
    figures: [
      {
        what: `${whole(size)} entries verified`,
        measured: `${seconds.toFixed(1)} s`,
        goal: { text: `within ${goal.toFixed(1)} s on one core`, isMet: seconds <= goal },
      },
      { what: 'CPU, file reading threads included', measured: `${cpuSeconds.toFixed(1)} s` },
    ],
  };
}
