import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type AuditDeliverySettings, auditDeliverySettings } from '#libs/audit-delivery';
import { checkEnvironment } from '#libs/platform';
import { repositoryRoot } from '../support/root.js';
import { resolveArm } from './arm-template.js';
import { readFunctions, readSentinelFile, readTable, sentinelWorkspace } from './sentinel-files.js';

const text = z.string().min(1);
const WORKSPACE = 'Microsoft.OperationalInsights/workspaces/soc';

/**
 * The elements of a connector page. Source:
 * https://learn.microsoft.com/azure/sentinel/data-connector-ui-definitions-reference
 */
const copyableLabel = z.strictObject({
  type: z.literal('CopyableLabel'),
  parameters: z.strictObject({
    label: text,
    value: text,
    rows: z.int().min(1).optional(),
    wideLabel: z.boolean().optional(),
  }),
});
const definition = z.strictObject({
  type: z.literal('Microsoft.SecurityInsights/dataConnectorDefinitions'),
  apiVersion: z.literal('2024-09-01'),
  scope: z.literal(WORKSPACE),
  name: text,
  location: text,
  kind: z.literal('Customizable'),
  properties: z.strictObject({
    connectorUiConfig: z.strictObject({
      id: text,
      title: text,
      publisher: text,
      descriptionMarkdown: text,
      graphQueries: z
        .array(z.strictObject({ metricName: text, legend: text, baseQuery: text }))
        .min(1),
      sampleQueries: z.array(z.strictObject({ description: text, query: text })).min(1),
      dataTypes: z.array(z.strictObject({ name: text, lastDataReceivedQuery: text })).min(1),
      connectivityCriteria: z.tuple([
        z.strictObject({ type: z.literal('IsConnectedQuery'), value: z.tuple([text]) }),
      ]),
      availability: z.strictObject({ status: z.literal(1) }),
      permissions: z.strictObject({
        resourceProvider: z.tuple([
          z.strictObject({
            provider: z.literal('Microsoft.OperationalInsights/workspaces'),
            providerDisplayName: text,
            permissionsDisplayText: text,
            scope: z.enum(['Subscription', 'ResourceGroup', 'Workspace']),
            requiredPermissions: z.strictObject({
              read: z.boolean(),
              write: z.boolean(),
              delete: z.boolean(),
            }),
          }),
        ]),
        customs: z.array(z.strictObject({ name: text, description: text })),
      }),
      instructionSteps: z
        .array(
          z.strictObject({
            title: text,
            description: text,
            instructions: z.array(copyableLabel).min(1),
          }),
        )
        .min(1),
    }),
  }),
});
/** Source: https://learn.microsoft.com/azure/sentinel/create-push-codeless-connector */
const connector = z.strictObject({
  type: z.literal('Microsoft.SecurityInsights/dataConnectors'),
  apiVersion: z.literal('2024-09-01'),
  scope: z.literal(WORKSPACE),
  name: text,
  location: text,
  kind: z.literal('Push'),
  dependsOn: z.tuple([text]),
  properties: z.strictObject({
    connectorDefinitionName: text,
    dcrConfig: z.strictObject({
      streamName: z.templateLiteral(['Custom-', z.string()]),
      dataCollectionEndpoint: z.url(),
      dataCollectionRuleImmutableId: z.string().regex(/^dcr-[0-9a-f]{32}$/),
    }),
    auth: z.strictObject({
      type: z.literal('Push'),
      AppId: z.uuid(),
      ServicePrincipalId: z.uuid(),
    }),
    request: z.strictObject({ RetryCount: z.int() }),
    response: z.strictObject({ eventsJsonPaths: z.tuple([z.literal('$')]) }),
  }),
});
/** Source: https://learn.microsoft.com/azure/templates/microsoft.operationalinsights/workspaces/savedsearches */
const savedFunction = z.strictObject({
  type: z.literal('Microsoft.OperationalInsights/workspaces/savedSearches'),
  apiVersion: z.literal('2020-08-01'),
  name: text,
  properties: z.strictObject({
    category: text,
    displayName: text,
    functionAlias: text,
    functionParameters: text.optional(),
    query: text,
    version: z.literal(2),
  }),
});
const parameter = z.strictObject({
  type: z.literal('string'),
  defaultValue: z.string().optional(),
  metadata: z.strictObject({ description: text }).optional(),
});
const template = z.strictObject({
  $schema: z.literal(
    'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
  ),
  contentVersion: text,
  parameters: z.record(z.string(), parameter),
  variables: z.record(z.string(), z.string()),
  resources: z.array(z.unknown()),
});

const file = readSentinelFile('connector.json');
const { parameters, variables, resources } = template.parse(JSON.parse(file));
/** The names that `table.json` gives to the endpoint and the rule. */
const { variables: tableNames } = z
  .looseObject({ variables: z.strictObject({ rule: text, endpoint: text }) })
  .parse(JSON.parse(readSentinelFile('table.json')));

const ENDPOINT = 'https://contoso-a1b2.westeurope-1.ingest.monitor.azure.com';
const RULE = 'dcr-0123456789abcdef0123456789abcdef';
const GIVEN = {
  workspaceName: 'soc',
  location: 'westeurope',
  applicationId: '3f1c4c1e-5d0a-4b57-9a55-0e8f3b7a2c11',
  principalId: 'a4d0f0a2-6a3b-4a52-8f0d-6b1f0f6f9d22',
};
const [each, parser, page, push] = z
  .tuple([savedFunction, savedFunction, definition, connector])
  .parse(
    resolveArm(resources, {
      parameters: GIVEN,
      variables,
      existing: {
        [`Microsoft.Insights/dataCollectionEndpoints/${tableNames.endpoint}`]: {
          logsIngestion: { endpoint: ENDPOINT },
        },
        [`Microsoft.Insights/dataCollectionRules/${tableNames.rule}`]: { immutableId: RULE },
      },
    }),
  );
const ui = page.properties.connectorUiConfig;
const labels = ui.instructionSteps.flatMap(({ instructions }) =>
  instructions.map(({ parameters: { value } }) => value),
);

const folder = mkdtempSync(join(tmpdir(), 'connector-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('deploy/sentinel/connector.json', () => {
  it('uses each of its parameters and variables', () => {
    expect(Object.keys(parameters).sort()).toEqual(Object.keys(GIVEN).sort());
    const unused = [
      ...Object.keys(parameters).filter((name) => !file.includes(`parameters('${name}')`)),
      ...Object.keys(variables).filter((name) => !file.includes(`variables('${name}')`)),
    ];
    expect(unused).toEqual([]);
  });

  it('names the endpoint, the rule and the stream of table.json', () => {
    expect(variables).toMatchObject(tableNames);
    expect(push.properties.dcrConfig).toEqual({
      streamName: readTable().flow.streams[0],
      dataCollectionEndpoint: ENDPOINT,
      dataCollectionRuleImmutableId: RULE,
    });
  });

  it('connects the definition that it deploys, as the identity of the service', () => {
    expect(push.properties.connectorDefinitionName).toBe(page.name);
    expect(ui.id).toBe(page.name);
    expect(push.dependsOn).toEqual([
      `${WORKSPACE}/providers/Microsoft.SecurityInsights/dataConnectorDefinitions/${page.name}`,
    ]);
    expect(push.properties.auth).toMatchObject({
      AppId: GIVEN.applicationId,
      ServicePrincipalId: GIVEN.principalId,
    });
  });

  it('has only queries on columns and functions that exist', () => {
    const { table } = readTable();
    const workspace = sentinelWorkspace();
    const queries = [
      ...ui.graphQueries.map(({ baseQuery }) => baseQuery),
      ...ui.sampleQueries.map(({ query }) => query),
    ];
    for (const query of queries) expect(workspace.analyze(query).problems, query).toEqual([]);
    for (const { legend } of ui.graphQueries) expect(legend).toBe(table.name);
    for (const { name, lastDataReceivedQuery: query } of ui.dataTypes) {
      expect(name).toBe(table.name);
      expect(workspace.analyze(query)).toEqual({ problems: [], columns: { Time: 'datetime' } });
    }
    const [{ value }] = ui.connectivityCriteria;
    expect(workspace.analyze(value[0])).toEqual({ problems: [], columns: { IsConnected: 'bool' } });
  });

  it('saves the functions as they are in their files, with their parameters', () => {
    const saved = [each, parser].map(({ name, properties }) => ({
      name: name.replace('soc/', ''),
      alias: properties.functionAlias,
      parameters: properties.functionParameters ?? '',
      body: properties.query,
    }));
    expect(saved).toEqual(readFunctions().map((one) => ({ ...one, alias: one.name })));
  });

  it('shows a file of sinks that the service reads', () => {
    const path = join(folder, 'sinks.yaml');
    writeFileSync(path, labels[0] ?? '');
    const { faults, values } = checkEnvironment([auditDeliverySettings], {
      AUDIT_SINKS_FILE: path,
    });
    expect(faults).toEqual([]);
    const { sinks } = values.get(auditDeliverySettings.key) as AuditDeliverySettings; // the key's own type
    expect(sinks).toMatchObject([
      {
        type: 'azure-monitor',
        endpoint: `${ENDPOINT}/`,
        ruleId: RULE,
        stream: readTable().flow.streams[0],
      },
    ]);
    // The command of the page has its name.
    expect(labels.at(-1)).toBe(`acs-identity audit sinks test ${sinks[0]?.name}`);
  });

  it('shows only variables and commands that are documented', () => {
    const document = (path: string) => readFileSync(join(repositoryRoot, 'docs', path), 'utf8');
    const assignments = labels.flatMap((label) => /^([A-Z_]+)=(.+)$/.exec(label)?.slice(1) ?? []);
    expect(assignments).toHaveLength(6);
    const rows = document('configuration.md').split('\n');
    for (const [nth, name] of assignments.entries()) {
      if (nth % 2 === 1) continue;
      const row = rows.find((one) => one.startsWith(`| \`${name}\``));
      expect(row, name).toBeDefined();
      if (name === 'AZURE_CREDENTIAL') expect(row).toContain(assignments[nth + 1]);
    }
    expect(document('cli.md')).toContain('## acs-identity audit sinks test\n');
  });
});
