import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { repositoryRoot } from '../support/root.js';

const FOLDER = join(repositoryRoot, 'deploy/grafana/dashboards');

const panel = z.object({
  id: z.int(),
  title: z.string().min(1),
  type: z.enum(['timeseries', 'stat']),
  description: z.string().optional(),
  datasource: z.strictObject({ type: z.literal('prometheus'), uid: z.literal('${datasource}') }),
  gridPos: z.strictObject({
    x: z.int().min(0).max(23),
    y: z.int().min(0),
    w: z.int().min(1).max(24),
    h: z.int().min(1),
  }),
  fieldConfig: z.object({ defaults: z.object({ unit: z.string() }) }),
  targets: z
    .array(z.object({ refId: z.string(), expr: z.string().min(1), legendFormat: z.string() }))
    .min(1),
});

/** What Grafana needs of a dashboard that is provisioned from a file. */
const dashboard = z.object({
  uid: z.string().regex(/^acs-identity-[a-z]+$/),
  title: z.string().min(1),
  schemaVersion: z.int().min(36),
  refresh: z.string(),
  time: z.strictObject({ from: z.string(), to: z.string() }),
  templating: z.object({
    list: z.tuple([
      z.object({
        name: z.literal('datasource'),
        type: z.literal('datasource'),
        query: z.literal('prometheus'),
      }),
    ]),
  }),
  panels: z.array(panel).min(1),
});

export interface Dashboard {
  readonly file: string;
  readonly content: z.infer<typeof dashboard>;
  readonly queries: readonly string[];
}

/** The dashboards of deploy/grafana. @throws if one is not as Grafana expects it */
export function dashboards(): Dashboard[] {
  return readdirSync(FOLDER).map((file) => {
    const content = dashboard.parse(JSON.parse(readFileSync(join(FOLDER, file), 'utf8')));
    const queries = content.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    return { file, content, queries };
  });
}
