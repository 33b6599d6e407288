import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  fairness,
  meanCallMs,
  prng,
  simulate,
  type SimulatedStorm,
  type StormOutcome,
} from '#libs/request-budget/testing';

/**
 * Login storms of all kinds in virtual time: several windows' worth of people at once, over one to five
 * replicas with slow databases, late clients and processes that stand still; in some, replicas die or
 * people do not come back. Then one small real storm, over three api processes.
 *
 *     node dist/test/chaos/storm.js --count 100 --seed 1
 */
const { values } = parseArgs({
  options: { count: { type: 'string', default: '100' }, seed: { type: 'string' } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
console.log(`seed ${seed}`);
const random = prng(seed);
let passed = 0;
let failed = 0;

for (let nth = 0; nth < Number(values.count); nth += 1) {
  const storm = anyStorm();
  const outcome = await simulate(storm);
  const broken = brokenBy(storm, outcome);
  if (broken.length === 0) passed += 1;
  else failed += 1;
  for (const promise of broken) console.log(`FAILED: ${promise} in ${JSON.stringify(storm)}`);
}

const bench = fileURLToPath(new URL('../../bench/storm.js', import.meta.url));
const terms = '--limit 30 --window-ms 15000 --times 5 --only new --lenient';
const real = spawnSync(process.execPath, [bench, ...terms.split(' ')], { encoding: 'utf8' });
console.log(real.stdout);
if (real.status === 0) passed += 1;
else failed += 1;
if (real.status !== 0) console.log(`FAILED: the real storm: ${real.stderr}`);

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function anyStorm(): SimulatedStorm {
  const limit = between(40, 150);
  const windowMs = between(20, 60) * 1000;
  const windows = between(3, 10);
  const parts = Array.from({ length: between(1, 12) }, () => between(1, 30));
  const total = parts.reduce((sum, part) => sum + part, 0);
  const kind = between(1, 4);
  return {
    seed: Math.floor(random() * 2 ** 31),
    ...{ limit, windowMs, maxWaitMs: 5000 },
    replicas: between(1, 5),
    balancing: random() < 0.5 ? 'connection' : 'request',
    tenants: parts.map((part) => Math.max(1, Math.round((part / total) * limit * windows))),
    callMs: { min: 40, typical: between(60, 400), max: 1500 },
    ...(kind === 1 && { noShowRate: 0.3 * random() }),
    ...(kind === 2 && {
      crashesAtMs: Array.from({ length: between(1, 3) }, () => random() * windows * windowMs),
    }),
  };
}

/** @returns a whole number of both ends or between */
function between(least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

function brokenBy(storm: SimulatedStorm, outcome: StormOutcome): string[] {
  const { limit, windowMs, tenants, callMs, crashesAtMs = [] } = storm;
  const people = tenants.reduce((sum, size) => sum + size, 0);
  const cycles = Math.ceil(people / limit) - 1;
  // A place is taken for a window from the end of the call on.
  const boundMs = cycles * (windowMs + meanCallMs(callMs));
  // In short storms it is the first and the last requests' own time that counts: they come within four
  // seconds, and ask and are answered late.
  const latestMs = Math.max(1.05 * boundMs, boundMs + 6000);
  const isCalm = storm.noShowRate === undefined && crashesAtMs.length === 0;
  const { served, noShows, maxPerWindow, totalMs, retryAfterAccuracy: accuracy } = outcome;
  // The first window goes to whoever comes first; what is made up for needs another one and a half.
  const shares = [0.25, 0.5, 0.75].filter((share) => share * people >= 2.5 * limit);
  const unfair = shares.filter((share) => fairness(outcome.visits, share) < 0.95);
  return [
    ...(served + noShows < people ? [`${people - served - noShows} not served`] : []),
    ...(maxPerWindow > limit ? [`${maxPerWindow} calls in a window`] : []),
    ...(totalMs > latestMs && crashesAtMs.length === 0
      ? [`${(totalMs / boundMs).toFixed(3)} of the bound`]
      : []),
    ...(accuracy < 0.95 && isCalm ? [`retry-after accuracy ${accuracy.toFixed(3)}`] : []),
    ...(isCalm ? unfair.map((share) => `unfair when ${share} were served`) : []),
  ];
}
