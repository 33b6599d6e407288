import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { repositoryRoot } from '../support/root.js';
import { dashboards } from './dashboards.js';
import { documentedMetrics, groupingsIn, metricsIn } from './promql-names.js';

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');

const rules = z
  .strictObject({
    groups: z.tuple([
      z.strictObject({
        name: z.string(),
        rules: z.array(
          z.strictObject({
            alert: z.string().regex(/^AcsIdentity[A-Z]\w+$/),
            expr: z.string(),
            for: z
              .string()
              .regex(/^\d+[mh]$/)
              .optional(),
            labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
            annotations: z.strictObject({ summary: z.string(), runbook_url: z.string() }),
          }),
        ),
      }),
    ]),
  })
  .parse(parse(read('deploy/prometheus/alerts.yaml'))).groups[0].rules;
const stories = z
  .object({
    tests: z.array(
      z.object({
        input_series: z.array(z.object({ series: z.string() })),
        promql_expr_test: z.tuple([
          z.object({ exp_samples: z.array(z.object({ labels: z.string() })) }),
        ]),
      }),
    ),
  })
  .parse(parse(read('deploy/prometheus/alerts.test.yaml'))).tests;

const known = documentedMetrics(read('docs/metrics.md'));
/** What Prometheus itself adds. */
known.set('up', new Set(['instance']));
known.set('ALERTS', new Set(['alertname', 'alertstate']));

const OF_PROMETHEUS = ['job', 'instance', 'le'];

/** Metrics and labels of an expression that the service does not have. */
function unknownIn(expression: string): string[] {
  const metrics = metricsIn(expression);
  const groupings = groupingsIn(expression).filter(
    (label) =>
      !OF_PROMETHEUS.includes(label) &&
      !metrics.some(({ metric }) => known.get(metric)?.has(label)),
  );
  const others = metrics.flatMap(({ metric, labels }) => {
    const own = known.get(metric);
    if (!own) return [metric];
    return labels
      .filter((label) => !OF_PROMETHEUS.includes(label) && !own.has(label))
      .map((label) => `${metric}{${label}}`);
  });
  return [...groupings, ...others];
}

describe('the alerts', () => {
  it.each(rules)('$alert uses metrics and labels that exist, of this job alone', ({ expr }) => {
    expect(unknownIn(expr)).toEqual([]);
    const selectors = expr.match(/\w+\{[^}]*\}/g) ?? [];
    expect(selectors.filter((selector) => !selector.includes('job="acs-identity"'))).toEqual([]);
    expect(selectors.length).toBeGreaterThan(0);
  });

  it('watch each metric that metrics.md has a condition for', () => {
    const blocks = [...read('docs/metrics.md').matchAll(/```promql\n(.*?)```/gs)];
    const conditions = blocks.flatMap(([, block = '']) =>
      block
        .replaceAll(/^#.*$/gm, '')
        .split('\n\n')
        .filter((query) => /[<>=] \d|absent/.test(query)),
    );
    const namesIn = (expression: string): string[] =>
      metricsIn(expression).map(({ metric }) => metric);
    const watched = rules.flatMap(({ expr }) => namesIn(expr));
    expect(conditions.length).toBeGreaterThan(20);
    expect(conditions.flatMap(namesIn).filter((metric) => !watched.includes(metric))).toEqual([]);
  });

  it('have a runbook each, and no runbook is without an alert', () => {
    const headings = [...read('docs/alerts.md').matchAll(/^## (\S+)$/gm)].map(
      ([, name = '']) => name,
    );
    expect(headings).toEqual(rules.map(({ alert }) => alert));
    for (const { alert, annotations } of rules) {
      expect(annotations.runbook_url).toBe(`docs/alerts.md#${alert.toLowerCase()}`);
    }
  });

  it('fire in a story each, on series that exist', () => {
    const fired = stories.flatMap(({ promql_expr_test: [{ exp_samples }] }) =>
      exp_samples.flatMap(({ labels }) => /alertname="(\w+)"/.exec(labels)?.[1] ?? []),
    );
    expect(rules.map(({ alert }) => alert).filter((alert) => !fired.includes(alert))).toEqual([]);
    const series = stories.flatMap(({ input_series }) => input_series.map(({ series }) => series));
    expect(series.flatMap(unknownIn)).toEqual([]);
  });
});

describe('the dashboards', () => {
  it.each(dashboards())('$file shows metrics and labels that exist', ({ content, queries }) => {
    expect(queries.flatMap(unknownIn)).toEqual([]);
    const ids = content.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    // A legend shows labels that the query leaves.
    for (const { targets } of content.panels) {
      for (const { expr, legendFormat } of targets) {
        for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
          expect(/ by \(([^)]*)\)/.exec(expr)?.[1] ?? 'instance').toContain(label);
      }
    }
  });

  it('are for operators, for the log and for the budget', () => {
    const titles = dashboards().map(({ file }) => file);
    expect(titles).toEqual(['budget.json', 'log.json', 'operators.json']);
  });
});
