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

/** The row of an entry, with the columns that the rules read. A text that is missing is empty. */
function rowOf(event: SigmaEvent): KqlRow {
  const columns = columnsByField.map(([field, column]) => [
    column,
    valueAt(event, field.split('.')) ?? '',
  ]);
  const row = Object.fromEntries(columns) as Record<string, string>; // entries have texts there
  const details = valueAt(event, ['entry', 'details']) as object | undefined; // a member of entries
  return { ...row, TimeGenerated: Date.parse(row.TimeGenerated ?? ''), Details: details };
}

let stories: StoryLog;
beforeAll(async () => {
  stories = await StoryLog.open();
});
afterAll(async () => {
  await stories.close();
});

describe('the analytic rules of Microsoft Sentinel', () => {
  it.each(rules)(
    '$slug fires on its story whenever it is scheduled, and stays silent beside it',
    async ({ slug, query, queryFrequency, queryPeriod }) => {
      const story = STORIES[slug];
      if (!story) throw new Error('no story');
      const { fires = '10:00:00', silent = '12:00:00' } = story.at ?? {};
      expect(query.run((await stories.recordedAt(story.silent(), silent)).map(rowOf))).toEqual([]);

      for (const steps of story.fires) {
        const rows = (await stories.recordedAt(steps(), fires)).map(rowOf);
        const times = rows.map(({ TimeGenerated: at }) => Number(at));
        const last = Math.max(...times);
        for (let phase = 0; phase < queryFrequency; phase += 1) {
          let found = 0;
          let runAt = Math.min(...times) + phase * MINUTE_MS;
          for (; runAt < last + queryFrequency * MINUTE_MS; runAt += queryFrequency * MINUTE_MS) {
            const from = runAt - queryPeriod * MINUTE_MS;
            const seen = rows.filter(
              ({ TimeGenerated: at }) => Number(at) > from && Number(at) <= runAt,
            );
            found += query.run(seen).length;
          }
          expect(found, `first run after ${phase} minutes`).toBeGreaterThan(0);
        }
      }
    },
  );

  it(`stay silent on ${ORDINARY_ENTRIES} ordinary entries of office hours`, async () => {
    const [entry] = await stories.recordedAt([issued(1)], '09:00:00');
    const rows = ordinaryEntries(entry ?? {}, ORDINARY_ENTRIES).map(rowOf);
    for (const { slug, query } of rules) expect(query.run(rows), slug).toEqual([]);
  });
});
