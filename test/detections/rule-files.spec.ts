import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { EXPORT_FORMATS } from '#libs/audit';
import { AZURE_MONITOR_COLUMNS } from '#libs/audit-delivery';
import { sampleEntry } from '#libs/audit-delivery/testing';
import { repositoryRoot } from '../support/root.js';
import { readTable, sentinelWorkspace } from './sentinel-files.js';
import { RELEASES } from './stories.js';

const DEPLOY = join(repositoryRoot, 'deploy');
const read = (path: string): string => readFileSync(join(DEPLOY, path), 'utf8');
const json = (path: string): unknown => JSON.parse(read(path)) as unknown;
const slugsIn = (folder: string): string[] =>
  readdirSync(join(DEPLOY, folder)).map((file) => file.replace(/\.ya?ml$/, ''));

const TACTICS = [
  ...['InitialAccess', 'Persistence', 'PrivilegeEscalation', 'DefenseEvasion', 'CredentialAccess'],
  ...['Discovery', 'LateralMovement', 'Collection', 'Exfiltration', 'Impact'],
] as const;
/** Entities of Microsoft Sentinel, with the identifiers that the rules use. */
const IDENTIFIERS: Readonly<Record<string, readonly string[]>> = {
  Account: ['AadUserId', 'AadTenantId', 'Name', 'FullName'],
  IP: ['Address'],
  CloudApplication: ['Name', 'AppId'],
};

const analyticRule = z.strictObject({
  id: z.uuid(),
  name: z.string().min(1).max(256),
  description: z.string().min(1).max(5_000),
  severity: z.enum(['High', 'Medium', 'Low', 'Informational']),
  status: z.literal('Available'),
  requiredDataConnectors: z.array(z.never()),
  queryFrequency: z.string().regex(/^\d+[mhd]$/),
  queryPeriod: z.string().regex(/^\d+[mhd]$/),
  triggerOperator: z.literal('gt'),
  triggerThreshold: z.int().min(0),
  tactics: z.array(z.enum(TACTICS)).min(1),
  relevantTechniques: z.array(z.string().regex(/^T\d{4}(\.\d{3})?$/)).min(1),
  query: z.string().max(10_000),
  entityMappings: z
    .array(
      z.strictObject({
        entityType: z.string(),
        fieldMappings: z
          .array(z.strictObject({ identifier: z.string(), columnName: z.string() }))
          .min(1)
          .max(3),
      }),
    )
    .min(1)
    .max(10),
  incidentConfiguration: z
    .strictObject({
      createIncident: z.literal(true),
      groupingConfiguration: z.strictObject({
        enabled: z.literal(true),
        reopenClosedIncident: z.boolean(),
        lookbackDuration: z.string().regex(/^\d+[mhd]$/),
        matchingMethod: z.literal('AllEntities'),
      }),
    })
    .optional(),
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  kind: z.literal('Scheduled'),
});

const sentinelRules = slugsIn('sentinel/rules').map((slug) => ({
  slug,
  rule: analyticRule.parse(parse(read(`sentinel/rules/${slug}.yaml`))),
}));

describe('the analytic rules of Microsoft Sentinel', () => {
  const workspace = sentinelWorkspace();

  it('are at least eight, of one kind with the Sigma rules, with ids of their own', () => {
    expect(sentinelRules.length).toBeGreaterThanOrEqual(8);
    expect(slugsIn('sentinel/rules')).toEqual(slugsIn('sigma/rules'));
    expect(new Set(sentinelRules.map(({ rule }) => rule.id)).size).toBe(sentinelRules.length);
  });

  it.each(sentinelRules)(
    '$slug reads columns and functions that exist, and returns the columns of its entities',
    ({ rule: { query, entityMappings } }) => {
      const { problems, columns } = workspace.analyze(query);
      expect(problems).toEqual([]);
      expect(query.startsWith('AcsIdentityAudit\n')).toBe(true);
      for (const { entityType, fieldMappings } of entityMappings) {
        for (const { identifier, columnName } of fieldMappings) {
          expect(IDENTIFIERS[entityType], entityType).toContain(identifier);
          expect(columns).toHaveProperty(columnName, 'string');
        }
      }
    },
  );
});

it('deploy/sentinel/table.json declares the columns that the sink sends, in the table and in the stream', () => {
  const expected = Object.entries(AZURE_MONITOR_COLUMNS).map(([name, type]) => ({ name, type }));
  const { table, streams } = readTable();
  expect(table).toEqual({ name: 'AcsIdentityAudit_CL', columns: expected });
  expect(streams).toEqual({ 'Custom-AcsIdentityAudit': { columns: expected } });
});

/** The names of all members, with dots. */
function pathsOf(value: unknown, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [prefix];
  return Object.entries(value).flatMap(([name, member]) =>
    pathsOf(member, prefix === '' ? name : `${prefix}.${name}`),
  );
}

interface Mapping {
  readonly properties?: Readonly<Record<string, Mapping>>;
}

function mappedIn({ properties = {} }: Mapping, prefix = ''): string[] {
  return Object.entries(properties).flatMap(([name, mapping]) =>
    mapping.properties ? mappedIn(mapping, `${prefix}${name}.`) : [`${prefix}${name}`],
  );
}

const elasticRule = z.looseObject({
  rule_id: z.uuid(),
  name: z.string(),
  description: z.string(),
  severity: z.enum(['low', 'medium', 'high', 'critical']),
  risk_score: z.int().min(0).max(100),
  type: z.enum(['query', 'threshold', 'eql', 'esql']),
  language: z.enum(['kuery', 'eql', 'esql']),
  query: z.string(),
  index: z.array(z.string()).optional(),
  threat: z.array(z.looseObject({ framework: z.literal('MITRE ATT&CK') })).min(1),
});

describe('deploy/elastic', () => {
  const template = json('elastic/index-template.json') as { template: { mappings: Mapping } };
  const mapped = mappedIn(template.template.mappings);

  it('maps every field that the sink sends, except members of details', () => {
    const document = JSON.parse(EXPORT_FORMATS.ecs.line(sampleEntry(1))) as object;
    const sent = pathsOf(document).filter((path) => !path.startsWith('acs_identity.details.'));
    expect(mapped).toEqual(expect.arrayContaining(sent));
  });

  it('has a rule for each Sigma rule, which reads mapped fields', () => {
    const lines = read('elastic/rules.ndjson').trimEnd().split('\n');
    const rules = lines.map((line) => elasticRule.parse(JSON.parse(line)));
    expect(rules).toHaveLength(slugsIn('sigma/rules').length);
    expect(new Set(rules.map(({ rule_id: id }) => id)).size).toBe(rules.length);
    for (const { query, type, index, name } of rules) {
      const fields = query
        .replaceAll(/"[^"]*"|logs-acs_identity\S*/g, '')
        .match(/\b(?:event|user|source|acs_identity)(?:\.\w+)+/g);
      expect(mapped, name).toEqual(expect.arrayContaining(fields ?? ['no field']));
      expect(index === undefined, name).toBe(type === 'esql');
    }
  });
});

it('what reads one of the actions that release a token reads all of them', () => {
  const workbook = json('sentinel/workbook.json') as { items: { content: { query?: string } }[] };
  const sampleQueries = [...read('sentinel/connector.json').matchAll(/"query": (".*")/g)].map(
    ([, text = '']) => JSON.parse(text) as string,
  );
  const queries = [
    ...workbook.items.map(({ content: { query = '' } }) => query),
    // The parser gives every action a type.
    ...sampleQueries.filter((query) => !query.startsWith('// ASIM parser')),
    ...sentinelRules.map(({ rule: { query } }) => query),
    ...read('elastic/rules.ndjson').split('\n'),
    ...slugsIn('sigma/rules').map((slug) => read(`sigma/rules/${slug}.yml`)),
  ].filter((query) => RELEASES.some((action) => query.includes(action)));
  expect(queries.length).toBeGreaterThanOrEqual(10);
  for (const query of queries) for (const action of RELEASES) expect(query).toContain(action);
});

describe('the field mappings of Sigma', () => {
  it.each(['elastic', 'sentinel'])('for %s name every field that the rules read', (name) => {
    const fields = new Set(
      slugsIn('sigma/rules').flatMap((slug) =>
        [...read(`sigma/rules/${slug}.yml`).matchAll(/\b(?:entry|personal)(?:\.\w+)+/g)].map(
          ([one]) => one,
        ),
      ),
    );
    const { transformations } = parse(read(`sigma/pipelines/${name}.yml`)) as {
      transformations: { mapping: Record<string, string> }[];
    };
    expect(Object.keys(transformations[0]?.mapping ?? {}).sort()).toEqual([...fields].sort());
  });
});
