import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { repositoryRoot } from '../support/root.js';
import { documentedMetrics } from './promql-names.js';

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');

const COMMON = ['TimeGenerated', 'AppRoleName', 'AppRoleInstance', 'Name', 'Properties'];
const SPANS = ['DurationMs', 'Success', 'ResultCode', 'OperationId', 'ItemCount'];
/**
 * Columns of the tables that Application Insights has in a workspace, those that we use. Source:
 * https://learn.microsoft.com/azure/azure-monitor/reference/tables-category
 */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  AppRequests: [...COMMON, ...SPANS],
  AppDependencies: [...COMMON, ...SPANS],
  AppMetrics: [...COMMON, 'Min', 'Max', 'Sum', 'ItemCount'],
};

const query = z.strictObject({
  type: z.literal(3),
  name: z.string(),
  content: z.strictObject({
    version: z.literal('KqlItem/1.0'),
    title: z.string().min(1),
    query: z.string().min(1),
    size: z.literal(0),
    timeContextFromParameter: z.literal('time'),
    queryType: z.literal(0),
    resourceType: z.literal('microsoft.operationalinsights/workspaces'),
    visualization: z.enum(['timechart', 'table']),
  }),
});
const text = z.strictObject({
  type: z.literal(1),
  name: z.string(),
  content: z.strictObject({ json: z.string() }),
});
const parameters = z.strictObject({
  type: z.literal(9),
  name: z.string(),
  content: z.looseObject({
    version: z.literal('KqlParameterItem/1.0'),
    parameters: z.tuple([z.looseObject({ id: z.uuid(), name: z.literal('time') })]),
  }),
});
/** What Azure Monitor needs of a workbook from a file. */
const workbook = z.strictObject({
  version: z.literal('Notebook/1.0'),
  items: z.tuple([text, parameters], query),
  $schema: z.string(),
});

describe('deploy/azure/workbook.json', () => {
  const [, , ...items] = workbook.parse(JSON.parse(read('deploy/azure/workbook.json'))).items;
  const queries = items.map(({ content }) => content);
  const metrics = documentedMetrics(read('docs/metrics.md'));
  const telemetry = read('docs/telemetry.md');

  it('has items with names of their own', () => {
    expect(new Set(items.map(({ name }) => name)).size).toBe(items.length);
    expect(items.length).toBeGreaterThanOrEqual(8);
  });

  it.each(queries)('reads columns that its table has: $title', ({ query: kql }) => {
    const [table = ''] = kql.split('\n');
    const columns = TABLES[table] ?? [];
    const plain = kql.replaceAll(/"[^"]*"/g, '');
    const given = [...plain.matchAll(/\b([A-Z]\w+) = /g)].map(([, name]) => name);
    const names = plain.match(/\b[A-Z]\w+\b/g) ?? [];
    expect([table, ...columns, ...given]).toEqual(expect.arrayContaining(names));
  });

  it.each(queries)('names metrics with labels, and steps, that exist: $title', ({ query: kql }) => {
    const named = [...kql.matchAll(/\bName (?:==|contains) "([^"]+)"/g)].map(
      ([, name = '']) => name,
    );
    const attributes = [...kql.matchAll(/Properties\["([^"]+)"\]/g)].map(([, name]) => name);
    if (kql.startsWith('AppMetrics') && attributes.length === 0) {
      expect(named).not.toEqual([]);
      const labels = [...kql.matchAll(/Properties\.(\w+)/g)].map(([, label = '']) => label);
      for (const name of named) {
        expect([...metrics.keys()]).toContain(name);
        for (const label of labels) expect(metrics.get(name), name).toContain(label);
      }
      return;
    }
    for (const name of [...named, ...attributes]) expect(telemetry).toContain(name);
  });

  it.each(queries)('is about this service alone: $title', ({ query: kql }) => {
    expect(kql).toContain('| where AppRoleName == "acs-identity"');
  });

  it('counts requests by metrics: the collector keeps some of the traces, without a weight', () => {
    for (const { query: kql, title } of queries)
      if (kql.startsWith('AppRequests')) expect(kql, title).not.toMatch(/ItemCount|count\(/);
  });

  it('finds calls by their template: the exporter of the collector leaves out the name of an HTTP span', () => {
    const documented = [...telemetry.matchAll(/```kusto\n([\s\S]*?)```/g)].map(
      ([, kql = '']) => kql,
    );
    const all = [
      ...queries.map(({ query: kql }) => kql),
      ...documented.flatMap((kql) => kql.split('\n\n')),
    ];
    const calls = all.filter((kql) => /^(AppDependencies|dependencies)$/m.test(kql));
    expect(calls.length).toBeGreaterThan(2);
    for (const kql of calls) expect(kql).not.toMatch(/name (==|contains|startswith) "[^"]*\//i);
    expect(read('deploy/otel-collector/azure-monitor.yaml')).toMatch(
      /metrics:[\s\S]*cumulativetodelta/,
    );
  });
});
