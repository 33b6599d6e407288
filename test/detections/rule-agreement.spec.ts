import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { repositoryRoot } from '../support/root.js';

const DEPLOY = join(repositoryRoot, 'deploy');
const read = (path: string): string => readFileSync(join(DEPLOY, path), 'utf8');

const value = z.union([z.string(), z.number(), z.boolean()]);
const search = z.record(z.string(), z.union([value, z.array(value)]));
/** One document of a Sigma file: an event, or the correlation of events. */
const sigmaDocument = z.object({
  title: z.string(),
  description: z.string(),
  level: z.string(),
  tags: z.array(z.string()).default([]),
  falsepositives: z.array(z.string()).optional(),
  detection: z.record(z.string(), z.union([search, z.string()])).default({}),
  correlation: z
    .object({
      type: z.string(),
      'group-by': z.array(z.string()),
      timespan: z.string(),
      condition: z.object({ gte: z.int(), field: z.string().optional() }).optional(),
    })
    .optional(),
});
const sentinelRule = z.object({
  name: z.string(),
  description: z.string(),
  severity: z.string(),
  queryFrequency: z.string(),
  queryPeriod: z.string(),
  tactics: z.array(z.string()),
  relevantTechniques: z.array(z.string()),
  query: z.string(),
});
const technique = z.object({ id: z.string() });
const elasticRule = z.object({
  name: z.string(),
  description: z.string(),
  severity: z.string(),
  false_positives: z.array(z.string()),
  type: z.string(),
  query: z.string(),
  from: z.string(),
  interval: z.string(),
  threat: z.array(
    z.object({
      tactic: z.object({ name: z.string() }),
      technique: z.array(technique.extend({ subtechnique: z.array(technique).default([]) })),
    }),
  ),
  threshold: z
    .object({
      field: z.array(z.string()),
      value: z.int(),
      cardinality: z.array(z.object({ field: z.string(), value: z.int() })),
    })
    .optional(),
});

const PREFIX = 'ACS identity: ';
const elasticRules = read('elastic/rules.ndjson')
  .trimEnd()
  .split('\n')
  .map((line) => elasticRule.parse(JSON.parse(line)));

/** How a SIEM names a field of the Sigma rules. */
function fieldNames(siem: 'elastic' | 'sentinel'): (field: string) => string {
  const pipeline = z
    .object({ transformations: z.tuple([z.object({ mapping: z.record(z.string(), z.string()) })]) })
    .parse(parse(read(`sigma/pipelines/${siem}.yml`)));
  const [{ mapping }] = pipeline.transformations;
  return (field) => mapping[field] ?? `no name of ${field}`;
}
const inElastic = fieldNames('elastic');
const inSentinel = fieldNames('sentinel');

/** What a Sigma rule reads and compares with. */
function claimsOf(documents: readonly z.output<typeof sigmaDocument>[]) {
  const searches = documents.flatMap(({ detection }) =>
    Object.values(detection).filter((one) => typeof one === 'object'),
  );
  const items = searches.flatMap((one) => Object.entries(one));
  const correlation = documents.at(-1)?.correlation;
  const read = items.map(([item]) => item.split('|')[0] ?? '');
  const grouped = [...(correlation?.['group-by'] ?? []), correlation?.condition?.field ?? []];
  return {
    fields: [...new Set([...read, ...grouped.flat()])],
    texts: [...new Set(items.flatMap(([, values]) => values).filter(isText))].sort(),
    atLeast: items.flatMap(([item, bound]) => (item.endsWith('|gte') ? Number(bound) : [])),
    correlation,
  };
}

const isText = (one: unknown): one is string => typeof one === 'string';

const rules = readdirSync(join(DEPLOY, 'sigma/rules')).map((file) => {
  const slug = file.replace('.yml', '');
  const documents = parseAllDocuments(read(`sigma/rules/${file}`)).map((document) =>
    sigmaDocument.parse(document.toJS()),
  );
  const sigma = documents.at(-1);
  const sentinel = sentinelRule.parse(parse(read(`sentinel/rules/${slug}.yaml`)));
  const elastic = elasticRules.find(({ name }) => name === sentinel.name);
  if (!sigma || !elastic) throw new Error(`${slug} is not in all three folders`);
  return { slug, sigma, sentinel, elastic, claims: claimsOf(documents) };
});

/** How late an entry may arrive in Sentinel. */
const LATE_MINUTES = 60;

const UNITS = { m: 1, h: 60 } as const;
/** @param span such as `15m` or `1h` */
function minutesOf(span: string | undefined): number {
  const [, count, unit] = /^(\d+)([mh])$/.exec(span ?? '') ?? [];
  return unit === 'm' || unit === 'h' ? Number(count) * UNITS[unit] : Number.NaN;
}

/** Without comments and, for the names of fields, without texts. */
const withoutComments = (query: string): string => query.replaceAll(/\/\/.*$/gm, '');
const textsIn = (query: string): string[] =>
  [...new Set([...query.matchAll(/"([^"]*)"/g)].map(([, text = '']) => text))]
    .filter((text) => !['hour_of_day', 'count', 'exported'].includes(text))
    .sort();
const lowered = (names: readonly string[]): string[] =>
  names.map((name) => name.toLowerCase().replaceAll(/[^a-z0-9.]/g, '')).sort();

describe.each(rules)('$slug', ({ sigma, sentinel, elastic, claims }) => {
  it('has one title, description, severity and list of false positives', () => {
    expect([sentinel.name, elastic.name]).toEqual([PREFIX + sigma.title, PREFIX + sigma.title]);
    expect([sentinel.description, elastic.description]).toEqual([
      sigma.description,
      sigma.description,
    ]);
    expect(elastic.severity).toBe(sigma.level);
    // Microsoft Sentinel has nothing above High.
    expect(sentinel.severity.toLowerCase()).toBe(sigma.level.replace('critical', 'high'));
    expect(elastic.false_positives).toEqual(sigma.falsepositives);
  });

  it('has the same tactics and techniques', () => {
    const tags = lowered(sigma.tags.map((tag) => tag.replace('attack.', '')));
    const techniques = elastic.threat.flatMap((one) =>
      one.technique.map(({ id, subtechnique: [sub] }) => sub?.id ?? id),
    );
    const tactics = elastic.threat.map(({ tactic }) => tactic.name);
    expect(lowered([...sentinel.tactics, ...sentinel.relevantTechniques])).toEqual(tags);
    expect(lowered([...new Set([...tactics, ...techniques])])).toEqual(tags);
  });

  it('compares the same fields with the same values', () => {
    const { threshold } = elastic;
    const names = elastic.query
      .replaceAll(/"[^"]*"|logs-acs_identity\S*/g, '')
      .match(/@timestamp|\b(?:event|user|source|acs_identity)(?:\.\w+)+/g);
    const counted = threshold?.cardinality.map(({ field }) => field) ?? [];
    const read = new Set([...(names ?? []), ...(threshold?.field ?? []), ...counted]);
    expect([...read].sort()).toEqual(claims.fields.map(inElastic).sort());
    expect(textsIn(elastic.query)).toEqual(claims.texts);

    const query = withoutComments(sentinel.query);
    // `count` is a word of the language.
    const written = query
      .replaceAll(/Details\["(\w+)"\]/g, 'Details.$1')
      .replaceAll(/"[^"]*"/g, '');
    expect(written.match(/\b[A-Z]\w*(?:\.\w+)?/g)).toEqual(
      expect.arrayContaining(claims.fields.map(inSentinel)),
    );
    expect(textsIn(query)).toEqual(claims.texts);
    for (const bound of claims.atLeast) {
      expect(elastic.query).toContain(`>= ${bound}`);
      expect(query).toContain(`>= ${bound}`);
    }
  });

  it('counts as many within the same time', () => {
    const { correlation } = claims;
    const [window, atLeast] = [minutesOf(correlation?.timespan), correlation?.condition?.gte];
    const [period, frequency] = [sentinel.queryPeriod, sentinel.queryFrequency].map(minutesOf);
    const [lookback, interval] = [elastic.from.replace('now-', ''), elastic.interval].map(
      minutesOf,
    );
    // Each entry is new to one run, and an entry that arrives late is in its period.
    expect(sentinel.query).toContain(`> ago(${sentinel.queryFrequency})\n`);
    const needed = (frequency ?? Number.NaN) + LATE_MINUTES;
    expect(period).toBe(needed + (correlation ? window : 0));
    expect(lookback).toBeGreaterThanOrEqual(interval ?? Number.NaN);
    if (!correlation) return;
    if (correlation.type === 'temporal_ordered') {
      expect(sentinel.query).toContain(`.. ${correlation.timespan})`);
      expect(elastic.query).toContain(`with maxspan=${correlation.timespan} `);
      expect(lookback).toBeGreaterThanOrEqual(window + (interval ?? Number.NaN));
      return;
    }
    const [, step, back] =
      /range\(bin\(TimeGenerated, (\w+)\) - (\w+), bin\(TimeGenerated, \1\), \1\)/.exec(
        sentinel.query,
      ) ?? [];
    expect(minutesOf(step) + minutesOf(back)).toBe(window);
    expect(sentinel.query).toMatch(new RegExp(`where \\w+ >= ${atLeast} and `));
    // A rule that counts takes all that it looks back on.
    expect(lookback).toBe(window);
    if (correlation.type === 'value_sum') {
      const sum = correlation.condition?.field ?? '';
      const groups = correlation['group-by'].map(inElastic).join(', ');
      const member = inSentinel(sum).replace('Details.', '');
      expect(sentinel.query).toContain(`= sum(toint(Details["${member}"])), `);
      expect(elastic.query).toContain(`= SUM(${inElastic(sum)}) BY ${groups} | `);
      expect(elastic.query).toMatch(new RegExp(`WHERE \\w+ >= ${atLeast}$`));
      return;
    }
    const { value: entries, cardinality } = elastic.threshold ?? { cardinality: [] };
    expect(correlation.type === 'value_count' ? cardinality[0]?.value : entries).toBe(atLeast);
    expect(elastic.threshold?.field).toEqual(correlation['group-by'].map(inElastic));
  });
});

it('no Sigma rule compares an outcome that the Elastic Common Schema has under another name', () => {
  const documents = readdirSync(join(DEPLOY, 'sigma/rules')).map((file) =>
    read(`sigma/rules/${file}`),
  );
  const outcomes = documents.flatMap((text) => text.match(/entry\.outcome: .*/g) ?? []);
  expect(new Set(outcomes)).toEqual(new Set(['entry.outcome: success']));
});
