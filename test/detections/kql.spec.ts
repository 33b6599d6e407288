import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { AUDIT_ACTIONS } from '#libs/audit';
import {
  ingestionWorkspace,
  readFunctions,
  readSentinelFile,
  readTable,
  sentinelWorkspace,
} from './sentinel-files.js';

const workspace = sentinelWorkspace();

describe('the check of KQL', () => {
  it.each([
    [
      'a column that does not exist',
      'AcsIdentityAudit | where Actoin == "token.issue"',
      '1:26 KS142',
    ],
    [
      'a column of a step that has dropped it',
      'AcsIdentityAudit | project Action | where Outcome == ""',
      '1:43 KS142',
    ],
    [
      'a function that does not exist',
      'AcsIdentityAudit | where isnotmissing(Action)',
      '1:26 KS211',
    ],
    ['a table that does not exist', 'AcsIdentityAudits | take 1', '1:1 KS204'],
    ['an operator that does not exist', 'AcsIdentityAudit\n| wher Action == ""', '2:3 KS176'],
    ['an operand of another type', 'AcsIdentityAudit | where Action >= 100', '1:33 KS106'],
    ['an argument too few', 'AcsIdentityAudit | summarize dcount() by Action', '1:30 KS119'],
    ['a missing parenthesis', 'AcsIdentityAudit | where (Action == ""', '1:39 KS005'],
  ])('objects to %s', (_, query, problem) => {
    expect(workspace.analyze(query).problems.join('\n')).toContain(problem);
  });

  it('knows the columns of a result, and their types', () => {
    const query =
      'AcsIdentityAudit | summarize Tokens = count(), Last = max(TimeGenerated) by ClientApp';
    expect(workspace.analyze(query)).toEqual({
      problems: [],
      columns: { ClientApp: 'string', Tokens: 'long', Last: 'datetime' },
    });
  });
});

describe('deploy/sentinel', () => {
  it.each(readFunctions())('function $name reads columns and functions that exist', (saved) => {
    expect(workspace.analyzeFunction(saved).problems).toEqual([]);
  });

  it('AcsIdentityAudit.kql returns every column of the table, when the entry arrived, and whom Entra knows', () => {
    const { columns } = workspace.analyze('AcsIdentityAudit');
    const inTable = readTable().table.columns.map(({ name }) => name);
    expect(Object.keys(columns).sort()).toEqual(
      [...inTable, 'IngestedAt', 'ActorAadUserId'].sort(),
    );
    expect(columns.IngestedAt).toBe('datetime');
  });

  it('the functions give the times of the entries, also where Azure Monitor replaced that of the row', () => {
    for (const { name, body } of readFunctions())
      expect(body, name).toContain(
        '| extend TimeGenerated = coalesce(RecordedAt, TimeGenerated)\n',
      );
  });

  it('vimAuditEventAcsIdentity.kql returns the mandatory fields of the ASIM audit schema', () => {
    const parser = readFunctions().find(({ name }) => name === 'vimAuditEventAcsIdentity');
    const { columns } = workspace.analyzeFunction(parser ?? { name: '', parameters: '', body: '' });
    expect(columns).toMatchObject({
      TimeGenerated: 'datetime',
      EventCount: 'int',
      EventStartTime: 'datetime',
      EventEndTime: 'datetime',
      EventType: 'string',
      EventResult: 'string',
      EventVendor: 'string',
      EventProduct: 'string',
      EventSchema: 'string',
      EventSchemaVersion: 'string',
      EventUid: 'string',
      Dvc: 'string',
      Operation: 'string',
      Object: 'string',
      ActorUsername: 'string',
      SrcIpAddr: 'string',
    });
  });

  it('vimAuditEventAcsIdentity.kql filters what its columns show', () => {
    const parser = readSentinelFile('vimAuditEventAcsIdentity.kql');
    const filtered = parser.matchAll(/array_length\((\w+)\) == 0 or (.+) has_any \(\1\)/g);
    const expressionOf = (column: string) =>
      new RegExp(` ${column} = (.+),`).exec(parser)?.[1] ?? 'no column';
    expect(Object.fromEntries([...filtered].map(([, name, read]) => [name, read]))).toEqual({
      actorusername_has_any: expressionOf('ActorUsername'),
      operation_has_any: expressionOf('Operation'),
      object_has_any: expressionOf('Object'),
    });
  });

  it('the rules and the parser take for Entra users only the actors of the issuers of Entra', () => {
    const hosts = /parse_url\(ActorIssuer\)\.Host\) in \(([^)]*)\)/;
    const [own, parsers] = ['AcsIdentityAudit.kql', 'vimAuditEventAcsIdentity.kql'].map(
      (file) => hosts.exec(readSentinelFile(file))?.[1],
    );
    expect(own).toContain('"login.microsoftonline.com"');
    expect(parsers).toBe(own);
    for (const file of readdirSync(new URL('../../deploy/sentinel/rules', import.meta.url)))
      expect(readSentinelFile(`rules/${file}`), file).not.toMatch(
        /identifier: AadUserId\n\s+columnName: (?!ActorAadUserId)/,
      );
  });

  it('vimAuditEventAcsIdentity.kql has a type for each action', () => {
    const parser = readSentinelFile('vimAuditEventAcsIdentity.kql');
    const [, types = ''] = /EventType = case\(([^]+?)"Other"\),/.exec(parser) ?? [];
    const named = [...types.matchAll(/"([a-z-]+\.[a-z-]+)"/g)].map(([, action = '']) => action);
    expect(named.sort()).toEqual([...AUDIT_ACTIONS].sort());
  });

  it('vimAuditEventAcsIdentity.kql counts the refusals that share an entry', () => {
    const parser = readSentinelFile('vimAuditEventAcsIdentity.kql');
    expect(parser).toContain('EventCount = coalesce(toint(Details["count"]), int(1)),');
  });

  it('vimAuditEventAcsIdentity.kql calls damage severe, and only people of Entra issuers Entra users', () => {
    const parser = readSentinelFile('vimAuditEventAcsIdentity.kql');
    expect(parser).toContain(
      'EventSeverity = case(Action in ("audit.damage", "x-audit.damaged"), "High",',
    );
    expect(parser).toMatch(
      /ActorUserIdType = iff\(.*parse_url\(ActorIssuer\)\.Host.*"AADID", "Other"\)/,
    );
  });

  it('table.json has a transformation that gives the table the columns it has', () => {
    const { table, flow } = readTable();
    const { problems, columns } = ingestionWorkspace(flow.streams[0]).analyze(flow.transformKql);
    expect(problems).toEqual([]);
    expect(flow.outputStream).toBe(`Custom-${table.name}`);
    expect(Object.keys(columns)).toEqual(table.columns.map(({ name }) => name));
  });

  it('workbook.json has queries on columns and functions that exist', () => {
    const workbook = JSON.parse(readSentinelFile('workbook.json')) as {
      version: string;
      items: { content: { title?: string; query?: string; visualization?: string } }[];
    };
    expect(workbook.version).toBe('Notebook/1.0');
    const queries = workbook.items.flatMap(({ content: { query, ...rest } }) =>
      query === undefined ? [] : [{ query, ...rest }],
    );
    expect(queries.length).toBeGreaterThanOrEqual(5);
    for (const { title, query, visualization } of queries) {
      const { problems, columns } = workspace.analyze(query);
      expect(problems, title).toEqual([]);
      const types = Object.values(columns);
      if (visualization === 'timechart') expect(types, title).toContain('datetime');
      if (visualization !== 'table') expect(types, title).toContain('long');
    }
  });
});

it('the field names of deploy/sigma for Sentinel are columns, or members of them', () => {
  const pipeline = readSentinelFile('../sigma/pipelines/sentinel.yml');
  const { transformations } = parse(pipeline) as {
    transformations: { mapping: Record<string, string> }[];
  };
  const names = Object.values(transformations[0]?.mapping ?? {});
  expect(names.length).toBeGreaterThanOrEqual(10);
  for (const name of names) {
    const { problems } = workspace.analyze(`AcsIdentityAudit | where isnotempty(${name})`);
    expect(problems, name).toEqual([]);
  }
});
