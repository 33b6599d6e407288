import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  meanCallMs,
  simulate,
  type SimulatedStorm,
  type StormOutcome,
} from '#libs/request-budget/testing';
import { finishCampaign, startCampaign } from './support/campaign.js';

/** Shares of the clients at which `StormOutcome.fairness` is measured. */
const SHARES = [0.25, 0.5, 0.75] as const;
const MIN_FAIRNESS = 0.95;
const MIN_RETRY_AFTER_ACCURACY = 0.95;
const REAL_STORM = '--people 150 --limit 30 --window-ms 15000 --only first,mixed --lenient';

const { count, prng } = startCampaign({
  name: 'storm',
  description: `Simulates login storms in virtual time: several windows' worth of clients at once, over one to five
replicas with slow databases, late clients and stalls; in some, replicas crash or clients do not return.
Checks that every client is served, within the limit of ACS, in time and fairly between tenants. Then runs
one small storm against three api processes.`,
  count: { of: 'simulated storms', byDefault: 100 },
});
const failures: string[] = [];
for (let nth = 0; nth < count; nth += 1) {
  const storm = randomStorm();
  const faults = faultsOf(storm, await simulate(storm));
  if (faults.length > 0) failures.push(`${faults.join(', ')} in ${JSON.stringify(storm)}`);
}

const bench = fileURLToPath(new URL('../../bench/storm.js', import.meta.url));
const real = spawnSync(process.execPath, [bench, ...REAL_STORM.split(' ')], { encoding: 'utf8' });
console.log(real.stdout);
if (real.status !== 0) failures.push(`the storm against api processes: ${real.stderr}`);
process.exit(finishCampaign(count + 1 - failures.length, failures));

function randomStorm(): SimulatedStorm {
  const limit = between(40, 150);
  const windowMs = between(20, 60) * 1000;
  const windows = between(3, 10);
  const weights = Array.from({ length: between(1, 12) }, () => between(1, 30));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const kind = between(1, 4);
  return {
    seed: prng.below(2 ** 31),
    ...{ limit, windowMs, maxWaitMs: 5000 },
    replicas: between(1, 5),
    balancing: prng.next() < 0.5 ? 'connection' : 'request',
    tenants: weights.map((weight) => Math.max(1, Math.round((weight / total) * limit * windows))),
    callMs: { min: 40, typical: between(60, 400), max: 1500 },
    ...(kind === 1 && { noShowRate: 0.3 * prng.next() }),
    ...(kind === 2 && {
      crashesAtMs: Array.from({ length: between(1, 3) }, () => prng.next() * windows * windowMs),
    }),
  };
}

/** An integer from `min` to `max`, both inclusive. */
function between(min: number, max: number): number {
  return min + prng.below(max - min + 1);
}

function faultsOf(storm: SimulatedStorm, outcome: StormOutcome): string[] {
  const { limit, windowMs, tenants, callMs, crashesAtMs = [] } = storm;
  const clients = tenants.reduce((sum, size) => sum + size, 0);
  const cycles = Math.ceil(clients / limit) - 1;
  // A permit is in use until a window after the end of its call. With the mean duration for clients that
  // do not return; without them the slowest permit decides.
  const meanMs = cycles * (windowMs + meanCallMs(callMs));
  const boundMs = Math.max(meanMs, outcome.shortestMs);
  // In a short storm the arrivals (4 s) and the delays of the first and the last response dominate.
  const maxTotalMs = Math.max(1.05 * boundMs, boundMs + 6000);
  const hasCrashes = crashesAtMs.length > 0;
  const isUndisturbed = storm.noShowRate === undefined && !hasCrashes;
  const { served, noShows, maxPerWindow, totalMs, retryAfterAccuracy } = outcome;
  // The first window is first come, first served; to balance it takes one and a half more.
  const unfair = SHARES.filter(
    (share, nth) => share * clients >= 2.5 * limit && (outcome.fairness[nth] ?? 0) < MIN_FAIRNESS,
  );
  return [
    ...(served + noShows < clients ? [`${clients - served - noShows} clients not served`] : []),
    ...(maxPerWindow > limit ? [`${maxPerWindow} calls in a window`] : []),
    ...(totalMs > maxTotalMs && !hasCrashes
      ? [`${(totalMs / boundMs).toFixed(3)} times the lower bound of the duration`]
      : []),
    ...(retryAfterAccuracy < MIN_RETRY_AFTER_ACCURACY && isUndisturbed
      ? [`accuracy of Retry-After ${retryAfterAccuracy.toFixed(3)}`]
      : []),
    ...(isUndisturbed ? unfair.map((share) => `unfair when ${share} were served`) : []),
  ];
}
