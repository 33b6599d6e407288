import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashLeaf } from '#libs/transparency-log';
import { testDatabase, type TestDatabase } from '../../../test/environment/postgres.js';
import { openTestDesk, openTestLog, openTestReader, type TestLog } from '../test/audit-log.js';
import { alice, denied, issued } from '../test/sample-events.js';
import { auditActions } from './audit-event.js';
import { exportForms, type ExportFormat } from './export/export-formats.js';

const hostile = `"=cmd|' /C calc'!A0,\r\n\0\u001b[31m\u2028\u202e\ud800|\\=${'x'.repeat(65_536)}`;
const operator = { actor: { kind: 'operator', name: 'exporter' } } as const;

describe('EntryExport', () => {
  let database: TestDatabase;
  let log: TestLog;
  const total = 1500;

  beforeAll(async () => {
    database = await testDatabase();
    log = openTestLog(database.serviceUrl);
    await log.trail.recordAll(
      auditActions.map((action) => ({
        ...issued(),
        action,
        reason: { code: hostile, detail: hostile },
      })),
    );
    await log.trail.record({
      ...denied({ ...alice, subject: hostile, displayName: hostile, permissions: [hostile] }),
      request: { requestId: hostile, clientAddress: hostile, userAgent: hostile },
      displayName: hostile,
      target: { subject: hostile, communicationUserId: hostile },
      details: { [hostile]: hostile },
    });
    const rest = total - auditActions.length - 1;
    await log.trail.recordAll(Array.from({ length: rest }, (_, nth) => issued(nth)));
  });
  afterAll(async () => {
    await log.close();
    await database.drop();
  });

  async function lines(format: ExportFormat, fromIndex = 0): Promise<string[]> {
    let text = '';
    for await (const piece of openTestDesk(log).export(operator, { format, fromIndex }))
      text += piece.text;
    expect(text.endsWith('\n')).toBe(true);
    return text.slice(0, -1).split('\n');
  }

  it.each(Object.keys(exportForms) as ExportFormat[])(
    'gives each entry one harmless line as %s',
    async (format) => {
      const all = await lines(format);
      expect(all.length).toBeGreaterThanOrEqual(total);
      for (const line of all) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
      expect(all.every((line) => line.isWellFormed())).toBe(true);
    },
  );

  it('goes on after the last piece that arrived, without a gap', async () => {
    const first = [];
    let next = 0;
    for await (const { text, nextIndex } of openTestDesk(log).export(operator, {
      format: 'ndjson',
      fromIndex: 0,
    })) {
      first.push(...text.trim().split('\n'));
      next = nextIndex;
      if (first.length >= 1000) break;
    }
    const indexes = [...first, ...(await lines('ndjson', next))].map(
      (line) => (JSON.parse(line) as { index: number }).index,
    );
    expect(indexes).toEqual(indexes.map((_, nth) => nth));
  });

  it('keeps in NDJSON the very bytes that the log commits to', async () => {
    const [, second = ''] = await lines('ndjson');
    const bytes = /"entry":(\{.*\}),"personal":/.exec(second)?.[1] ?? '';
    const tile = await openTestReader(log).resource('tile/0/000');
    expect(hashLeaf(Buffer.from(bytes)).equals(tile.subarray(32, 64))).toBe(true);
  });

  it('writes CSV that reads back cell by cell, with no formula', async () => {
    const [header = '', ...rows] = await lines('csv');
    const width = header.split(',').length;
    for (const row of rows) {
      const cells = [...row.matchAll(/(?:^|,)"((?:[^"]|"")*)"/g)].map(([, cell = '']) => cell);
      expect(cells).toHaveLength(width);
      expect(cells.filter((cell) => /^[=+@-]/.test(cell))).toEqual([]);
    }
  });

  it('writes CEF whose header and extension split only where they should', async () => {
    const all = await lines('cef');
    for (const line of all) {
      const header = /^(?:(?:[^\\|]|\\[\\|])*\|){7}/.exec(line)?.[0] ?? '';
      expect(header).toMatch(/^CEF:0\|acs-identity\|/);
      const extension = line.slice(header.length);
      const keys = [
        ...extension.matchAll(
          /(?:^| )([a-zA-Z0-9]+)=((?:[^\\=]|\\[\\=rn])*?)(?= [a-zA-Z0-9]+=|$)/g,
        ),
      ];
      expect(keys.map(([pair]) => pair).join('')).toBe(extension);
      const [rt] = keys;
      expect(rt?.[1]).toBe('rt');
    }
  });

  it('writes OCSF with everything that the schema requires of each class', async () => {
    const required: Record<number, readonly string[]> = {
      3002: ['user'],
      3004: ['actor', 'entity'],
      6003: ['actor', 'api', 'src_endpoint'],
    };
    for (const line of await lines('ocsf')) {
      const event = JSON.parse(line) as Record<string, unknown> & {
        class_uid: number;
        activity_id: number;
      };
      const names = [
        'activity_id',
        'category_uid',
        'class_uid',
        'metadata',
        'severity_id',
        'time',
        'type_uid',
      ];
      for (const name of [...names, ...(required[event.class_uid] ?? ['unknown class'])]) {
        expect(event, name).toHaveProperty(name);
      }
      expect(event.type_uid).toBe(event.class_uid * 100 + event.activity_id);
      expect(event).toMatchObject({
        metadata: { version: '1.8.0', product: { name: expect.any(String) as string } },
      });
    }
  });

  it('writes ECS with the categories, types and outcomes that Elastic allows', async () => {
    for (const line of await lines('ecs')) {
      const { event } = JSON.parse(line) as { event: Record<string, string & string[]> };
      expect(['success', 'failure', 'unknown']).toContain(event.outcome);
      expect(['iam', 'authentication', 'api']).toContain(event.category?.[0]);
      const allowed = ['creation', 'deletion', 'change', 'allowed', 'denied', 'access'];
      expect(event.type?.every((type: string) => allowed.includes(type))).toBe(true);
    }
  });
});
