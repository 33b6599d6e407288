import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issued } from '#libs/audit/testing';
import { repositoryRoot } from '../support/root.js';
import { ordinaryLife } from '../support/ordinary-life.js';
import { Prng } from '../support/prng.js';
import { SigmaRule } from '../support/sigma.js';
import { ordinaryEntries } from './ordinary-entries.js';
import { type Step, STORIES } from './stories.js';
import { StoryLog } from './story-log.js';

const FOLDER = join(repositoryRoot, 'deploy/sigma/rules');
/** `npm run test:detections` has a million, of other kinds as well. */
const ORDINARY_ENTRIES = 20_000;
const ENTRIES_OF_A_NIGHT = 300;

const rules = new Map(
  readdirSync(FOLDER).map((file) => [
    file.replace('.yml', ''),
    new SigmaRule(readFileSync(join(FOLDER, file), 'utf8')),
  ]),
);

let stories: StoryLog;
beforeAll(async () => {
  stories = await StoryLog.open();
});
afterAll(async () => {
  await stories.close();
});

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
      const quiet = await stories.recordedAt(story.silent(), silent);
      expect(quiet.length).toBeGreaterThan(0);
      expect(rule.firesOn(quiet)).toBe(false);
      for (const steps of story.fires)
        expect(rule.firesOn(await stories.recordedAt(steps(), fires))).toBe(true);
    },
  );

  it(`stay silent on ${ORDINARY_ENTRIES} ordinary entries of office hours`, async () => {
    const [entry] = await stories.recordedAt([issued(1)], '09:00:00');
    const ordinary = ordinaryEntries(entry ?? {}, ORDINARY_ENTRIES);
    for (const [name, rule] of rules) expect(rule.firesOn(ordinary), name).toBe(false);
  });

  it('stay silent on an ordinary night with its jobs', async () => {
    const midnight = Date.UTC(2026, 2, 2);
    const steps: Step[] = [];
    let minute = 0;
    for (const { at, event } of ordinaryLife(new Prng(1), new Date(midnight))) {
      const minutes = Math.floor((at - midnight) / 60_000) - minute;
      if (minutes > 0) steps.push(minutes);
      minute += minutes;
      if (steps.push(event) >= ENTRIES_OF_A_NIGHT) break;
    }
    const night = await stories.recordedAt(steps, '00:00:00');
    for (const [name, rule] of rules) expect(rule.firesOn(night), name).toBe(false);
  });
});
