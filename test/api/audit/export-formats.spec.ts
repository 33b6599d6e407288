import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AuditEvent,
  AUDIT_ACTIONS,
  AUDIT_OUTCOMES,
  type ExportFormat,
  EXPORT_FORMATS,
} from '#libs/audit';
import { canonicalName, type Principal } from '#libs/platform';
import { alice, issued, openTestLog, type TestLog } from '#libs/audit/testing';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { parseCef } from '../../support/parsers/cef.js';
import { parseCsv } from '../../support/parsers/csv.js';
import { parseLines, parseNdjson } from '../../support/parsers/ndjson.js';
import { ecsFaults, ocsfFaults } from '../../support/parsers/siem-schemas.js';

/** The members of an entry that each export must contain. */
interface Exported {
  readonly index: number;
  readonly entry: {
    readonly id: string;
    readonly action: string;
    readonly actor: Partial<Principal> & { readonly name?: string };
    readonly reason?: { readonly code: string; readonly detail?: string };
    readonly target?: { readonly communicationUserId?: string; readonly identityId?: string };
  };
  readonly personal: {
    readonly actorDisplayName?: string;
    readonly targetDisplayName?: string;
    readonly userAgent?: string;
    readonly clientAddress?: string;
  };
}

interface Siem {
  readonly metadata: { readonly uid: string; readonly sequence: number };
  readonly event: { readonly id: string; readonly sequence: number };
  readonly user: { readonly id?: string; readonly full_name?: string };
  readonly user_agent?: { readonly original: string };
}

/** Text that could break lines, terminals, spreadsheets or parsers, alone or in other text; and plain text. */
const hostile = fc.oneof(
  fc.constantFrom(
    'a\r\nCEF:0|x|y|z|1|forged|9|act=forged',
    'x\n"0","forged"\r\n',
    '\u0000',
    '\u001b[2J\u001b[31mansi',
    'separators\u2028\u2029\u0085',
    'bidi\u202edrawkcab\u2066',
    '\ud800 lone \udfff',
    '\ufeff\ufffe\uffff',
    'a|b=c\\d\\',
    '\\n\\=\\|',
    ' =',
    'act=x cs1=y',
    '=HYPERLINK("http://evil.example","x")',
    '@SUM(1)',
    '-1+1',
    "'-1+1",
    "''=1",
    '"',
    "'",
    '"quoted", \'single\'',
    '{"index":0}\n{"index":1}',
    '__proto__',
    '💥'.repeat(1_000),
    'x'.repeat(65_536),
    '\u0000'.repeat(65_536),
  ),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ maxLength: 1_200, minLength: 1_000 }),
);
const address = fc.oneof(fc.ipV4(), fc.ipV6(), hostile);

const event: fc.Arbitrary<AuditEvent> = fc
  .record({
    action: fc.constantFrom(...AUDIT_ACTIONS),
    outcome: fc.constantFrom(...AUDIT_OUTCOMES),
    texts: fc.array(hostile, { minLength: 15, maxLength: 15 }),
    clientAddress: address,
    hasCaller: fc.boolean(),
    hasTarget: fc.boolean(),
    hasRequest: fc.boolean(),
  })
  .map(({ action, outcome, texts, clientAddress, hasCaller, hasTarget, hasRequest }) => {
    const [subject = '', tenant = '', clientApp = '', tokenId = '', displayName = ''] = texts;
    const [detail = '', permission = '', userAgent = '', targetSubject = ''] = texts.slice(5);
    const [communicationUserId = '', kind = '', targetName = '', scope = ''] = texts.slice(9);
    const [name = '', value = ''] = texts.slice(13);
    const caller = {
      ...alice,
      subject: canonicalName(subject),
      tenant: canonicalName(tenant),
      clientApp: canonicalName(clientApp),
      tokenId,
      displayName,
    };
    const { token } = issued();
    return {
      action,
      outcome,
      actor: hasCaller ? { ...caller, permissions: [permission] } : { kind: 'unauthenticated' },
      reason: { code: 'a-code', detail },
      ...(token && { token: { ...token, scopes: [scope] } }),
      ...(hasRequest && {
        request: { requestId: detail, traceId: name, clientAddress, userAgent },
      }),
      ...(hasTarget && { target: { subject: targetSubject, communicationUserId, kind, tenant } }),
      displayName: targetName,
      details: { [name]: value },
    };
  });

describe('an export', () => {
  let database: TestDatabase;
  let log: TestLog;
  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl, { timeoutMs: 20_000, databaseTimeoutMs: 20_000 });
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  /** Exports the log from an index on. */
  async function exported(format: ExportFormat, fromIndex: number): Promise<Buffer> {
    const reader = { actor: { kind: 'operator', name: 'exporter' } } as const;
    const pieces: string[] = [];
    for await (const { text } of log.auditLog.export(reader, { format, fromIndex }))
      pieces.push(text);
    return Buffer.from(pieces.join(''));
  }

  /** Records the events. @returns their first index, and the entry of each */
  async function recorded(events: readonly AuditEvent[]): Promise<[number, Exported[]]> {
    const [first] = await log.trail.recordAll(events);
    const from = first?.index ?? 0;
    const all = parseNdjson<Exported>(await exported('ndjson', from));
    return [from, all.slice(0, events.length)];
  }

  const runs = { numRuns: 10, endOnFailure: true } as const;
  const events = fc.array(event, { minLength: 20, maxLength: 20 });

  it('contains no control or bidirectional character, whatever callers send', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (some) => {
        const [from] = await recorded(some);
        for (const format of Object.keys(EXPORT_FORMATS) as ExportFormat[]) {
          const bytes = await exported(format, from);
          const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
          expect(text).not.toMatch(
            /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/,
          );
        }
      }),
      runs,
    );
  });

  it('is CSV that csv-parse reads back cell by cell, without formulas', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (some) => {
        const [from, all] = await recorded(some);
        const rows = parseCsv((await exported('csv', from)).toString());
        for (const [nth, { index, entry, personal }] of all.entries()) {
          const row = rows[nth] ?? {};
          const isNeutral = (name: string, text = ''): void => {
            expect([text, `'${text}`]).toContain(row[name]);
            expect(row[name]?.normalize('NFKC').trimStart()).not.toMatch(/^[=+\-@]/);
          };
          expect([row.index, row.id, row.action]).toEqual([String(index), entry.id, entry.action]);
          isNeutral('actorSubject', entry.actor.subject);
          isNeutral('actorDisplayName', personal.actorDisplayName);
          isNeutral('reasonDetail', entry.reason?.detail);
          isNeutral('userAgent', personal.userAgent);
          isNeutral('communicationUserId', entry.target?.communicationUserId);
          for (const value of Object.values(row)) expect(value).not.toMatch(/^[=+\-@]/);
        }
      }),
      runs,
    );
  });

  it('is CEF by the grammar and the dictionary of its specification', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (some) => {
        const [from, all] = await recorded(some);
        const lines = parseLines((await exported('cef', from)).toString());
        for (const [nth, { index, entry, personal }] of all.entries()) {
          const { header, extension } = parseCef(lines[nth] ?? '');
          expect(header.slice(1, 3)).toEqual(['acs-identity', 'communication identity service']);
          expect(header[4]).toBe(entry.action);
          expect(extension).toMatchObject({ cn1: String(index), externalId: entry.id });
          const actual = [extension.suid, extension.suser, extension.requestClientApplication];
          const { subject, name } = entry.actor;
          const expected = [subject ?? name, personal.actorDisplayName, personal.userAgent];
          // The dictionary limits the length of a text, which is truncated between characters.
          const text = (whole = ''): string =>
            whole.length <= 1_023
              ? whole
              : `${whole.slice(0, 1_022).replace(/[\ud800-\udbff]$/, '')}…`;
          expect(actual.map((one = '') => one)).toEqual(expected.map(text));
          expect(extension.msg ?? '').toBe(text(entry.reason?.detail));
        }
      }),
      runs,
    );
  });

  it('is OCSF that is valid by the published definition of each class', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (some) => {
        const [from, all] = await recorded(some);
        const found = parseNdjson<Siem>(await exported('ocsf', from));
        for (const [nth, { index, entry }] of all.entries()) {
          expect(ocsfFaults(found[nth]), entry.action).toEqual([]);
          expect(found[nth]?.metadata).toMatchObject({ uid: entry.id, sequence: index });
        }
      }),
      runs,
    );
  });

  it('is ECS with fields of the published types and values', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (some) => {
        const [from, all] = await recorded(some);
        const found = parseNdjson<Siem>(await exported('ecs', from));
        for (const [nth, { index, entry, personal }] of all.entries()) {
          expect(ecsFaults(found[nth]), entry.action).toEqual([]);
          expect(found[nth]?.event).toMatchObject({ id: entry.id, sequence: index });
          expect(found[nth]?.user.id).toBe(entry.actor.subject ?? entry.actor.name);
          expect(found[nth]?.user_agent?.original).toBe(personal.userAgent);
        }
      }),
      runs,
    );
  });

  it('has an event for every action in every format', async () => {
    const some = AUDIT_ACTIONS.flatMap((action) =>
      AUDIT_OUTCOMES.map((outcome) => ({ ...issued(), action, outcome })),
    );
    const [from] = await recorded(some);
    const take = <T>(all: T[]): T[] => all.slice(0, some.length);
    const faults = [
      ...take(parseNdjson(await exported('ocsf', from))).flatMap(ocsfFaults),
      ...take(parseNdjson(await exported('ecs', from))).flatMap(ecsFaults),
    ];
    expect([...new Set(faults)]).toEqual([]);
    const classes = take(parseLines((await exported('cef', from)).toString())).map(
      (line) => parseCef(line).header[4],
    );
    expect(new Set(classes)).toEqual(new Set(AUDIT_ACTIONS));
  });
});
