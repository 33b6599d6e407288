import { canonicalName } from '#libs/platform';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashLeaf } from '#libs/transparency-log';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { alice, denied, issued } from '../testing/sample-events.js';
import { AUDIT_ACTIONS } from '../trail/audit-event.js';
import { EXPORT_FORMATS, type ExportFormat } from './export-formats.js';

const hostile = `"=cmd|' /C calc'!A0,\r\n\0\u001b[31m\u2028\u202e\ud800|\\=${'x'.repeat(65_536)}`;
const operator = { actor: { kind: 'operator', name: 'exporter' } } as const;

describe('EntryExport', () => {
  let database: TestDatabase;
  let log: TestLog;
  const total = 1500;

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl);
    await log.trail.recordAll(
      AUDIT_ACTIONS.map((action) => ({
        ...issued(),
        action,
        reason: { code: hostile, detail: hostile },
      })),
    );
    await log.trail.record({
      ...denied({
        ...alice,
        subject: canonicalName(hostile),
        displayName: hostile,
        permissions: [hostile],
      }),
      request: { requestId: hostile, clientAddress: hostile, userAgent: hostile },
      displayName: hostile,
      target: { subject: hostile, communicationUserId: hostile },
      details: { [hostile]: hostile },
    });
    const rest = total - AUDIT_ACTIONS.length - 1;
    await log.trail.recordAll(Array.from({ length: rest }, (_, nth) => issued(nth)));
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  async function lines(format: ExportFormat, fromIndex = 0): Promise<string[]> {
    let text = '';
    for await (const chunk of log.auditLog.export(operator, { format, fromIndex }))
      text += chunk.text;
    expect(text.endsWith('\n')).toBe(true);
    return text.slice(0, -1).split('\n');
  }

  it.each(Object.keys(EXPORT_FORMATS) as ExportFormat[])(
    'gives each entry one line without unsafe characters as %s',
    async (format) => {
      const all = await lines(format);
      expect(all.length).toBeGreaterThanOrEqual(total);
      for (const line of all) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
      expect(all.every((line) => line.isWellFormed())).toBe(true);
    },
  );

  it('exports what matches a filter, up to an index, and counts it', async () => {
    const query = { format: 'ndjson', fromIndex: 2, toIndex: 700, summary: true } as const;
    const filter = { rule: 'default', clientAddress: '203.0.113.7' };
    let text = '';
    for await (const chunk of log.auditLog.export(operator, { ...query, ...filter })) {
      text += chunk.text;
    }
    const parsed = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { index: number });
    const indexes = parsed.slice(0, -1).map(({ index }) => index);
    expect(indexes.length).toBeGreaterThan(1);
    expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
    expect(parsed.at(-1)).toEqual({
      summary: {
        ...{ count: indexes.length, firstIndex: indexes[0], lastIndex: indexes.at(-1) },
        isComplete: true,
      },
    });
    expect(indexes.at(-1)).toBeLessThanOrEqual(700);
  });

  it('begins with a byte order mark where a spreadsheet needs one', async () => {
    const query = { format: 'csv', fromIndex: 0, toIndex: 0, bom: true } as const;
    const texts: string[] = [];
    for await (const { text } of log.auditLog.export(operator, query)) texts.push(text);
    expect(texts.join('')).toMatch(/^\ufeffindex,id/);
    expect(texts.join('').trimEnd().split('\n')).toHaveLength(2);
  });

  it('continues after the last chunk received, without a gap', async () => {
    const first = [];
    let next = 0;
    for await (const { text, nextIndex } of log.auditLog.export(operator, {
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

  it('gives in NDJSON the exact bytes that the log commits to', async () => {
    const [, second = ''] = await lines('ndjson');
    const bytes = /"entry":(\{.*\}),"personal":/.exec(second)?.[1] ?? '';
    const tile = await log.reader.resource('tile/0/000');
    expect(tile.subarray(32, 64).equals(hashLeaf(Buffer.from(bytes)))).toBe(true);
  });
});
