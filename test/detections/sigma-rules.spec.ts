import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EntryFeed, EXPORT_FORMATS } from '#libs/audit';
import { issued, openTestLog, type TestLog } from '#libs/audit/testing';
import { ManualClock, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { Prng } from '../support/prng.js';
import { repositoryRoot } from '../support/root.js';
import { type SigmaEvent, SigmaRule } from '../support/sigma.js';
import { type Step, STORIES } from './stories.js';

const FOLDER = join(repositoryRoot, 'deploy/sigma/rules');
/** `npm run test:detections` has a million, of other kinds as well. */
const ORDINARY_ENTRIES = 20_000;
const MINUTE_MS = 60_000;

const rules = new Map(
  readdirSync(FOLDER).map((file) => [
    file.replace('.yml', ''),
    new SigmaRule(readFileSync(join(FOLDER, file), 'utf8')),
  ]),
);

let database: TestDatabase;
let log: TestLog;
const clock = new ManualClock('2026-03-02T09:00:00Z');

beforeAll(async () => {
  database = await testDatabase();
  log = await openTestLog(database.serviceUrl, { clock });
});
afterAll(async () => {
  await log.close();
  await database.drop();
});

/** What a sink gets of the events, recorded by the real log. */
async function recorded(steps: readonly Step[], startAt: string): Promise<SigmaEvent[]> {
  const ahead = Date.parse(startAt) - clock.now();
  await clock.advance(ahead);
  const feed = log.get(EntryFeed);
  const from = await feed.size();
  for (const step of steps) {
    if (typeof step === 'number') await clock.advance(step * MINUTE_MS);
    else await log.trail.record(step);
  }
  const { entries } = await feed.read(from, 10_000);
  return entries.map((entry) => JSON.parse(EXPORT_FORMATS.ndjson.line(entry)) as SigmaEvent);
}

let day = 2;
async function recordedAt(steps: readonly Step[], time: string): Promise<SigmaEvent[]> {
  day += 1;
  return recorded(
    steps,
    `2026-${day > 28 ? '04' : '03'}-${String((day % 28) + 1).padStart(2, '0')}T${time}Z`,
  );
}

describe('the Sigma rules', () => {
  it('have a story each', () => {
    expect(Object.keys(STORIES).sort()).toEqual([...rules.keys()].sort());
    expect(rules.size).toBeGreaterThanOrEqual(8);
    const ids = [...rules.values()].map(({ rule }) => rule.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(Object.keys(STORIES))(
    '%s fires on its story and stays silent beside it',
    async (name) => {
      const story = STORIES[name];
      const rule = rules.get(name);
      if (!story || !rule) throw new Error('no story');
      const { fires = '10:00:00', silent = '12:00:00' } = story.at ?? {};
      const quiet = await recordedAt(story.silent(), silent);
      expect(quiet.length).toBeGreaterThan(0);
      expect(rule.firesOn(quiet)).toBe(false);
      expect(rule.firesOn(await recordedAt(story.fires(), fires))).toBe(true);
    },
  );

  it(`stay silent on ${ORDINARY_ENTRIES} ordinary entries of office hours`, async () => {
    const [entry] = await recordedAt([issued(1)], '09:00:00');
    const ordinary = ordinaryEntries(entry ?? {}, ORDINARY_ENTRIES);
    for (const [name, rule] of rules) expect(rule.firesOn(ordinary), name).toBe(false);
  });
});

/** People who get a token or two a day from their own addresses, some refusals, starts of the service. */
function ordinaryEntries(template: SigmaEvent, count: number): SigmaEvent[] {
  const prng = new Prng(7);
  const { entry, personal } = template as { entry: Record<string, object>; personal: object };
  const people = Math.max(500, Math.floor(count / 40));
  let at = Date.parse('2026-03-02T07:00:00Z');
  return Array.from({ length: count }, (_, index) => {
    at += prng.below(4_000);
    if (new Date(at).getUTCHours() >= 19) at += 12 * 3_600_000;
    const nth = prng.below(people);
    const kind = prng.below(100);
    const common = {
      ...entry,
      id: `id-${index}`,
      recordedAt: new Date(at).toISOString(),
      actor: { ...entry.actor, subject: `person-${nth}` },
      target: { ...entry.target, communicationUserId: `8:acs:${nth}` },
    };
    const address = { ...personal, clientAddress: `10.${nth >> 8}.${nth & 255}.1` };
    if (kind < 94) return { index, entry: common, personal: address };
    if (kind < 96)
      return { index, entry: { ...common, action: 'token.revoke' }, personal: address };
    const more =
      kind < 98
        ? {
            action: 'authentication.reject',
            outcome: 'denied',
            details: { count: 1 + prng.below(20) },
          }
        : { action: 'configuration.load', actor: { kind: 'system', name: 'configuration' } };
    return { index, entry: { ...common, ...more }, personal: {} };
  });
}
