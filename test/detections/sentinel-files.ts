import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { repositoryRoot } from '../support/root.js';
import { type KqlFunction, KqlWorkspace } from './kql-workspace.js';

const FOLDER = join(repositoryRoot, 'deploy/sentinel');

export const readSentinelFile = (path: string): string => readFileSync(join(FOLDER, path), 'utf8');

const columns = z.array(z.strictObject({ name: z.string(), type: z.string() }));
const resource = z.looseObject({ type: z.string(), properties: z.record(z.string(), z.unknown()) });
const tableProperties = z.looseObject({ schema: z.strictObject({ name: z.string(), columns }) });
const ruleProperties = z.looseObject({
  streamDeclarations: z.record(z.string(), z.strictObject({ columns })),
  dataFlows: z.tuple([
    z.looseObject({
      streams: z.tuple([z.string()]),
      transformKql: z.string(),
      outputStream: z.string(),
    }),
  ]),
});

interface SentinelTable {
  readonly table: z.output<typeof tableProperties>['schema'];
  readonly streams: z.output<typeof ruleProperties>['streamDeclarations'];
  readonly flow: z.output<typeof ruleProperties>['dataFlows'][0];
}

/** The table and the data collection rule of `table.json`. */
export function readTable(): SentinelTable {
  const { resources } = z
    .looseObject({ resources: z.array(resource) })
    .parse(JSON.parse(readSentinelFile('table.json')));
  const propertiesOf = (type: string) => resources.find((one) => one.type === type)?.properties;
  const table = tableProperties.parse(
    propertiesOf('Microsoft.OperationalInsights/workspaces/tables'),
  );
  const rule = ruleProperties.parse(propertiesOf('Microsoft.Insights/dataCollectionRules'));
  return { table: table.schema, streams: rule.streamDeclarations, flow: rule.dataFlows[0] };
}

/** The functions of the `.kql` files. A file names its parameters in a comment. */
export function readFunctions(): KqlFunction[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.kql'))
    .map((file) => {
      const body = readSentinelFile(file);
      const [, parameters = ''] = /^\/\/ Parameters: (.*)$/m.exec(body) ?? [];
      return { name: file.replace('.kql', ''), parameters, body };
    });
}

const asRecord = (declared: z.output<typeof columns>): Record<string, string> =>
  Object.fromEntries(declared.map(({ name, type }) => [name, type]));

/** The workspace in which the rules run: the table and the function without repeated rows. */
export function sentinelWorkspace(): KqlWorkspace {
  const { table } = readTable();
  return new KqlWorkspace(
    { [table.name]: asRecord(table.columns) },
    readFunctions().filter(({ name }) => name === 'AcsIdentityAudit'),
  );
}

/** The workspace that the transformation of the data collection rule sees: the stream, as `source`. */
export function ingestionWorkspace(stream: string): KqlWorkspace {
  const declared = readTable().streams[stream];
  if (!declared) throw new Error(`table.json declares no stream ${stream}`);
  return new KqlWorkspace({ source: asRecord(declared.columns) });
}
