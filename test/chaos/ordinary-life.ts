import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AuditEvent, EntryFeed, EXPORT_FORMATS } from '#libs/audit';
import { openTestLog } from '#libs/audit/testing';
import { cloneDatabase, ManualClock } from '#libs/platform/testing';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { ordinaryLife } from '../support/ordinary-life.js';
import { repositoryRoot } from '../support/root.js';
import { type SigmaEvent, SigmaRule } from '../support/sigma.js';
import { startTestCluster } from '../support/test-cluster.js';
import { STORIES } from '../detections/stories.js';

const RULES = join(repositoryRoot, 'deploy/sigma/rules');
const START = new Date('2026-03-02T00:00:00Z');
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_MS = 60_000;
/** Entries of one commit have one time, so that of one hour. */
const MAX_COMMIT_MS = 20_000;
const MAX_COMMIT_ENTRIES = 200;
const PAGE = 5_000;

const { count, prng } = startCampaign({
  name: 'ordinary-life',
  description: `Records entries of an organisation of 24,000 people at work, and gives them to every rule of deploy/sigma
as a sink would get them. Checks that no rule fires on them, and that each fires on its story afterwards.`,
  count: { of: 'ordinary entries', byDefault: 1_000_000 },
});

const cluster = await startTestCluster();
const database = await cloneDatabase(cluster);
const clock = new ManualClock(START.getTime());
const log = await openTestLog(database.serviceUrl, {
  clock,
  databaseTimeoutMs: 120_000,
  timeoutMs: 10 * DAY_MS, // the clock advances while entries are stored
});
const feed = log.get(EntryFeed);
const rules = readdirSync(RULES).map((file) => ({
  name: file.replace('.yml', ''),
  isFiring: new SigmaRule(readFileSync(join(RULES, file), 'utf8')).watch(),
}));
const failures: string[] = [];
try {
  const startedAt = performance.now();
  await recordOrdinaryLife();
  const days = Math.round((clock.now() - START.getTime()) / DAY_MS);
  const recordedAt = performance.now();
  console.log(`recorded ${days} days in ${seconds(recordedAt - startedAt)} s`);
  const kinds = new Map<string, number>();
  for await (const event of events(0)) {
    const kind = kindOf(event);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    for (const { name, isFiring } of rules) {
      if (isFiring(event)) failures.push(`${name} fires on ${JSON.stringify(event)}`);
    }
  }
  const tookMs = performance.now() - recordedAt;
  console.log(
    `${rules.length} rules fired ${failures.length} times on ${await feed.size()} entries, in ${seconds(tookMs)} s`,
  );
  for (const [kind, entries] of [...kinds].sort(([, a], [, b]) => b - a)) {
    console.log(`  ${kind}: ${entries}`);
  }
  for (const rule of rules) await checkStories(rule);
} catch (error) {
  console.error(error); // to stop the service may fail as well, and hide it
  throw error;
} finally {
  await log.close();
  await cluster.remove();
}
process.exit(finishCampaign(2 * rules.length - failures.length, failures));

function hourOf(at: number): number {
  return Math.floor(at / HOUR_MS);
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(0);
}

async function recordOrdinaryLife(): Promise<void> {
  let previous: Promise<unknown> = Promise.resolve();
  let commit: AuditEvent[] = [];
  let recorded = 0;
  for (const { at, event } of ordinaryLife(prng, START)) {
    const isLate = at - clock.now() > MAX_COMMIT_MS || hourOf(at) !== hourOf(clock.now());
    if (commit.length > 0 && (isLate || commit.length === MAX_COMMIT_ENTRIES)) {
      await previous;
      previous = log.trail.recordAll(commit);
      recorded += commit.length;
      commit = [];
      if (recorded >= count) break;
      if (recorded % 100_000 < MAX_COMMIT_ENTRIES) await previous;
      await clock.advance(at - clock.now());
    }
    commit.push(event);
  }
  await previous;
}

async function* events(from: number): AsyncGenerator<SigmaEvent> {
  for (let next = from; ;) {
    const { entries, nextIndex } = await feed.read(next, PAGE);
    if (nextIndex === next) return;
    next = nextIndex;
    for (const entry of entries) yield JSON.parse(EXPORT_FORMATS.ndjson.line(entry)) as SigmaEvent;
  }
}

function kindOf(event: SigmaEvent): string {
  const { action, outcome, reason } = event.entry as {
    action: string;
    outcome: string;
    reason?: { code: string };
  };
  return [action, outcome, ...(reason ? [reason.code] : [])].join(' ');
}

/** Records the stories of a rule behind the ordinary entries, each on a new day. */
async function checkStories({ name, isFiring }: (typeof rules)[number]): Promise<void> {
  const story = STORIES[name];
  if (!story) throw new Error(`${name} has no story`);
  const [hours = 10, minutes = 0] = (story.at?.fires ?? '10:00').split(':').map(Number);
  for (const steps of story.fires) {
    const from = await feed.size();
    const nextDay = Math.ceil(clock.now() / DAY_MS) * DAY_MS;
    await clock.advance(nextDay + (hours * 60 + minutes) * MINUTE_MS - clock.now());
    for (const step of steps()) {
      if (typeof step === 'number') await clock.advance(step * MINUTE_MS);
      else await log.trail.record(step);
    }
    let isFound = false;
    for await (const event of events(from)) isFound = isFiring(event) || isFound;
    if (!isFound) failures.push(`${name} is silent on its story`);
  }
}
