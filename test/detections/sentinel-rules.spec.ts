import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { issued } from '#libs/audit/testing';
import type { SigmaEvent } from '../support/sigma.js';
import { KqlQuery, type KqlRow } from './kql-query.js';
import { ordinaryEntries } from './ordinary-entries.js';
import { readSentinelFile, sentinelWorkspace } from './sentinel-files.js';
import { STORIES } from './stories.js';
import { StoryLog } from './story-log.js';

const ORDINARY_ENTRIES = 20_000;
const MINUTE_MS = 60_000;

const span = z
  .string()
  .regex(/^\d+[mh]$/)
  .transform((text) => Number.parseInt(text) * (text.endsWith('h') ? 60 : 1));
const ruleFile = z.object({ queryFrequency: span, queryPeriod: span, query: z.string() });

const workspace = sentinelWorkspace();
const rules = readdirSync(new URL('../../deploy/sentinel/rules', import.meta.url)).map((file) => {
  const { query, ...schedule } = ruleFile.parse(parse(readSentinelFile(`rules/${file}`)));
  return {
    slug: file.replace('.yaml', ''),
    query: new KqlQuery(workspace.parse(query)),
    ...schedule,
  };
});

const { transformations } = z
  .object({ transformations: z.tuple([z.object({ mapping: z.record(z.string(), z.string()) })]) })
  .parse(parse(readSentinelFile('../sigma/pipelines/sentinel.yml')));
const columnsByField = Object.entries(transformations[0].mapping).filter(
  ([, column]) => !column.includes('.'),
);

function valueAt(value: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined || typeof value !== 'object' || value === null) return value;
  return valueAt(Object.entries(value).find(([one]) => one === name)?.[1], rest);
}

type Rule = (typeof rules)[number];
type Row = KqlRow & {
  readonly TimeGenerated: number;
  readonly IngestedAt: number;
  /** `TimeGenerated` of the table, which the function replaces. */
  readonly tableTime: number;
};

/** Azure Monitor gives what arrives later the time of its arrival. */
const MAX_AGE_MS = 2 * 24 * 60 * MINUTE_MS;

/** The row of an entry, with the columns that the rules read. A text that is missing is empty. */
function rowOf(event: SigmaEvent, lateMinutes = 0): Row {
  const columns = columnsByField.map(([field, column]) => [
    column,
    valueAt(event, field.split('.')) ?? '',
  ]);
  const row = Object.fromEntries(columns) as Record<string, string>; // entries have texts there
  const details = valueAt(event, ['entry', 'details']) as object | undefined; // a member of entries
  const at = Date.parse(row.TimeGenerated ?? '');
  const ingestedAt = at + lateMinutes * MINUTE_MS;
  const tableTime = ingestedAt - at > MAX_AGE_MS ? ingestedAt : at;
  return { ...row, TimeGenerated: at, IngestedAt: ingestedAt, tableTime, Details: details };
}

let stories: StoryLog;
beforeAll(async () => {
  stories = await StoryLog.open();
});
afterAll(async () => {
  await stories.close();
});

/** Minutes between the time of an entry and its arrival, by its place in the story. */
const LATENESS: Readonly<Record<string, (nth: number) => number>> = {
  'at once': () => 0,
  'four minutes late': () => 4,
  'sixteen minutes late': () => 16,
  'an hour late': () => 60,
  'the first after the others': (nth) => (nth === 0 ? 50 : 0),
};

/** How often a rule fires on rows. @param phase minutes from the first of them to the first run */
function firings({ query, queryFrequency, queryPeriod }: Rule, rows: Row[], phase: number): number {
  const first = Math.min(...rows.map(({ TimeGenerated: at }) => at));
  const last = Math.max(...rows.map(({ IngestedAt: at }) => at));
  let found = 0;
  let runAt = first + phase * MINUTE_MS;
  for (; runAt < last + queryFrequency * MINUTE_MS; runAt += queryFrequency * MINUTE_MS) {
    const from = runAt - queryPeriod * MINUTE_MS;
    const seen = rows.filter(
      ({ tableTime: at, IngestedAt }) => at > from && at <= runAt && IngestedAt <= runAt,
    );
    found += query.run(seen, runAt).length;
  }
  return found;
}

describe('the analytic rules of Microsoft Sentinel', () => {
  it.each(rules)(
    '$slug fires once on its story whenever it is scheduled and the entries arrive, and stays silent beside it',
    async (rule) => {
      const story = STORIES[rule.slug];
      if (!story) throw new Error('no story');
      const { fires = '10:00:00', silent = '12:00:00' } = story.at ?? {};
      const beside = await stories.recordedAt(story.silent(), silent);
      expect(
        rule.query.run(
          beside.map((event) => rowOf(event)),
          0,
        ),
      ).toEqual([]);
      for (const steps of story.fires) {
        const events = await stories.recordedAt(steps(), fires);
        for (const [name, lateness] of Object.entries(LATENESS)) {
          const rows = events.map((event, nth) => rowOf(event, lateness(nth)));
          for (let phase = 0; phase < rule.queryFrequency; phase += 1)
            expect(firings(rule, rows, phase), `${name}, first run after ${phase} minutes`).toBe(1);
        }
      }
    },
  );

  it.each(rules)('$slug takes nothing that arrives three days late for new', async (rule) => {
    const [steps] = STORIES[rule.slug]?.fires ?? [];
    if (!steps) throw new Error('no story');
    const events = await stories.recordedAt(steps(), STORIES[rule.slug]?.at?.fires ?? '10:00:00');
    const rows = events.map((event) => rowOf(event, 3 * 24 * 60));
    expect(firings(rule, rows, 0)).toBe(0);
  });

  it(`stay silent on ${ORDINARY_ENTRIES} ordinary entries of office hours`, async () => {
    const [entry] = await stories.recordedAt([issued(1)], '09:00:00');
    const rows = ordinaryEntries(entry ?? {}, ORDINARY_ENTRIES).map((event) => rowOf(event));
    for (const { slug, query } of rules) expect(query.run(rows, 0), slug).toEqual([]);
  });
});
