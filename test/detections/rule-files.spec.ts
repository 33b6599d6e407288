import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { EXPORT_FORMATS } from '#libs/audit';
import { AZURE_MONITOR_COLUMNS } from '#libs/audit-delivery';
import { sampleEntry } from '#libs/audit-delivery/testing';
import { repositoryRoot } from '../support/root.js';

const DEPLOY = join(repositoryRoot, 'deploy');
const read = (path: string): string => readFileSync(join(DEPLOY, path), 'utf8');
const json = (path: string): unknown => JSON.parse(read(path)) as unknown;
const slugsIn = (folder: string): string[] =>
  readdirSync(join(DEPLOY, folder)).map((file) => file.replace(/\.ya?ml$/, ''));

const TACTICS = [
  ...['InitialAccess', 'Persistence', 'PrivilegeEscalation', 'DefenseEvasion', 'CredentialAccess'],
  ...['Discovery', 'Collection', 'Exfiltration', 'Impact'],
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
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  kind: z.literal('Scheduled'),
});

const sentinelRules = slugsIn('sentinel/rules').map((slug) => ({
  slug,
  rule: analyticRule.parse(parse(read(`sentinel/rules/${slug}.yaml`))),
}));

/** Names in a query that may be columns: capitalised words outside of texts and comments. */
function namesIn(query: string): string[] {
  return query.replaceAll(/"[^"]*"|\/\/.*$/gm, '').match(/\b[A-Z]\w+\b/g) ?? [];
}

/** Names that the query itself gives to columns. */
function definedIn(query: string): string[] {
  return [...query.matchAll(/\b([A-Z]\w+) = /g)].map(([, name = '']) => name);
}

describe('the analytic rules of Microsoft Sentinel', () => {
  it('are at least eight, of one kind with the Sigma rules, with ids of their own', () => {
    expect(sentinelRules.length).toBeGreaterThanOrEqual(8);
    expect(slugsIn('sentinel/rules')).toEqual(slugsIn('sigma/rules'));
    expect(new Set(sentinelRules.map(({ rule }) => rule.id)).size).toBe(sentinelRules.length);
  });

  it.each(sentinelRules)(
    '$slug reads columns that exist, and returns those of its entities',
    ({ rule }) => {
      const { query, entityMappings } = rule;
      const known = [
        ...Object.keys(AZURE_MONITOR_COLUMNS),
        ...definedIn(query),
        'AcsIdentityAudit',
      ];
      const names = namesIn(query).filter((name) => name !== 'ActorSubject1');
      expect(known).toEqual(expect.arrayContaining(names));
      expect(query.startsWith('AcsIdentityAudit\n')).toBe(true);
      for (const { entityType, fieldMappings } of entityMappings) {
        for (const { identifier, columnName } of fieldMappings) {
          expect(IDENTIFIERS[entityType], entityType).toContain(identifier);
          // Of an aggregation only what it groups by is left.
          const last = /(summarize|project) (?!-)[^]*$/.exec(query)?.[0] ?? query;
          expect(last, columnName).toContain(columnName);
        }
      }
    },
  );
});

describe('deploy/sentinel', () => {
  it('declares the columns that the sink sends, in the table and in the rule', () => {
    const { resources } = json('sentinel/table.json') as {
      resources: { type: string; properties: Record<string, unknown> }[];
    };
    const expected = Object.entries(AZURE_MONITOR_COLUMNS).map(([name, type]) => ({ name, type }));
    const propertiesOf = (type: string) => resources.find((one) => one.type === type)?.properties;
    const table = propertiesOf('Microsoft.OperationalInsights/workspaces/tables');
    expect(table).toMatchObject({ schema: { name: 'AcsIdentityAudit_CL', columns: expected } });
    expect(propertiesOf('Microsoft.Insights/dataCollectionRules')).toMatchObject({
      streamDeclarations: { 'Custom-AcsIdentityAudit': { columns: expected } },
      dataFlows: [{ outputStream: 'Custom-AcsIdentityAudit_CL' }],
    });
  });

  it('has a parser with the mandatory fields of the ASIM audit schema', () => {
    const parser = read('sentinel/vimAuditEventAcsIdentity.kql');
    const mandatory = [
      ...[
        'EventCount',
        'EventStartTime',
        'EventEndTime',
        'EventType',
        'EventResult',
        'EventVendor',
      ],
      ...['EventProduct', 'EventSchema', 'EventSchemaVersion', 'Dvc', 'Operation', 'Object'],
      'ActorUsername',
    ];
    expect(definedIn(parser)).toEqual(expect.arrayContaining(mandatory));
  });

  it('has a workbook whose queries read columns that exist', () => {
    const workbook = json('sentinel/workbook.json') as {
      version: string;
      items: { content: { query?: string } }[];
    };
    expect(workbook.version).toBe('Notebook/1.0');
    const queries = workbook.items.flatMap(({ content }) => content.query ?? []);
    expect(queries.length).toBeGreaterThanOrEqual(5);
    for (const query of queries) {
      const known = [
        ...Object.keys(AZURE_MONITOR_COLUMNS),
        ...definedIn(query),
        'AcsIdentityAudit',
      ];
      expect(known).toEqual(expect.arrayContaining(namesIn(query)));
    }
  });
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
