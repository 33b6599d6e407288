import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { AuditEntry, AuditEntryRecord, EntryFeed, EntryFeedPage } from '#libs/audit';
import { sinksDocument } from '../config/sinks-document.js';
import { createSink } from '../sinks/create-sink.js';
import type { SinkContext } from '../sinks/sink-context.js';
import { sampleEntry } from '../testing/sample-records.js';
import { testContext } from '../testing/test-context.js';
import type { Sink } from './sink.js';
import { SinkBatches } from './sink-batches.js';

const MIN_RECORD_BYTES = 2_048;
const COMMON = { name: 'sink', maxRecordBytes: MIN_RECORD_BYTES };
const CREDENTIAL = { file: '/run/secrets/credential' };
const ADDRESS = 'https://receiver.example/audit';

/** Every format of every sink. */
const SINKS = [
  ...['cef', 'ndjson', 'ecs', 'ocsf'].map((format) => ({
    ...{ type: 'syslog', host: 'receiver.example', hostname: 'h'.repeat(255), format },
  })),
  ...['ndjson', 'ecs', 'ocsf'].flatMap((format) => [
    { type: 'splunk', url: ADDRESS, token: CREDENTIAL, index: 'i'.repeat(256), format },
    { type: 'azure-blob', container: ADDRESS, format },
  ]),
  { type: 'elasticsearch', url: ADDRESS },
  { type: 'azure-monitor', endpoint: ADDRESS, ruleId: `dcr-${'0'.repeat(32)}` },
  { type: 'webhook', url: ADDRESS, signingSecrets: [CREDENTIAL] },
];

/** An entry in which every text is as long as it can be reduced to, and longer. */
function longEntry(character: string): AuditEntryRecord {
  const long = character.repeat(600);
  const sample = sampleEntry(7);
  const entry: AuditEntry = {
    ...sample.entry,
    actor: {
      ...{ clientApp: long, issuer: long, kind: 'unauthenticated', subject: long, tenant: long },
      tokenId: long,
    },
    details: { note: long },
    reason: { code: long, detail: long },
    request: { id: long, traceId: long },
    target: {
      ...{ communicationUserId: long, identityId: long, kind: long, resource: long },
      ...{ subject: long, tenant: long },
    },
    token: {
      ...{ expiresOn: '2026-11-26T14:00:00.000Z', fingerprint: long, fingerprintKey: long },
      scopes: [long],
    },
  };
  return { ...sample, entry, leaf: Buffer.from(JSON.stringify(entry)) };
}

const GUID = 'dc15d09b-9f55-4a36-8b5c-0d4c5b8a1f2';

/** What detections read: one value for each field, of the lengths that the service records. */
const READ_BY_DETECTIONS = {
  'entry.action': 'audit.export',
  'entry.outcome': 'denied',
  'entry.recordedAt': '2026-11-26T14:00:00.000Z',
  'entry.reason.code': 'insufficient-permission',
  'entry.actor.kind': 'application',
  'entry.actor.tenant': `${GUID}0`,
  'entry.actor.subject': `${GUID}1`,
  'entry.actor.clientApp': `${GUID}7`,
  'entry.target.communicationUserId': `8:acs:${GUID}2_0000001f-aaaa-bbbb-cccc-ddddeeeeffff`,
  'entry.target.subject': `${GUID}3`,
  'entry.details.previous': 'a'.repeat(64),
  'entry.details.count': 4711,
  'entry.details.exported': 4712,
  'entry.details.forOthers': true,
  'entry.details.sources': ['198.51.100.1', '198.51.100.2'],
  'entry.details.stage': 'begun',
  'entry.details.permission': 'CommunicationToken.Issue.Others',
  'entry.details.actorSubject': `${GUID}4`,
  'entry.details.targetSubject': `${GUID}5`,
  'entry.details.invitation': `${GUID}6`,
  'entry.details.route': 'entries',
  'entry.details.trustChanged': ['TRUSTED_ISSUERS', 'IDENTITY_LINK_TENANTS'],
  'personal.clientAddress': '2001:db8:1:2:3:4:5:6',
  'personal.clientNetwork': '2001:db8:1:2::/64',
} as const;

/** The fields of the detections that a text has, by their values. */
function fieldsIn(text: string): string[] {
  const plain = text.replaceAll('\\', '');
  return Object.entries(READ_BY_DETECTIONS).flatMap(([field, value]) => {
    const name = field.startsWith('entry.details.') ? `"${field.split('.').at(-1) ?? ''}":` : '';
    return plain.includes(name === '' ? String(value) : name + JSON.stringify(value)) ? field : [];
  });
}

/** @param details beside those that detections read */
function detectedEntry(details: AuditEntry['details'] = {}): AuditEntryRecord {
  const entry: AuditEntry = { ...sampleEntry(7).entry, details };
  const personal = {};
  const record = { ...sampleEntry(7), entry, personal };
  for (const [field, value] of Object.entries(READ_BY_DETECTIONS)) {
    if (field === 'personal.clientNetwork') continue; // computed
    const path = field.split('.');
    const last = path.pop() ?? '';
    let members = record as unknown as Record<string, object>; // by names that the pipelines have
    for (const name of path) {
      members[name] = { ...members[name] };
      members = members[name] as Record<string, object>;
    }
    Object.assign(members, { [last]: value });
  }
  return { ...record, leaf: Buffer.from(JSON.stringify(record.entry)) };
}

function sinkOf(options: object, maxRecordBytes: number, context: SinkContext): Sink {
  const sinks = [{ ...COMMON, ...options, maxRecordBytes }];
  const [sinkOptions] = sinksDocument.parse({ version: 1, sinks }).sinks;
  if (!sinkOptions) throw new Error('no sink');
  return createSink(sinkOptions, context);
}

/** @param record the only one of the log */
function batchesOf(record: AuditEntryRecord): SinkBatches {
  const head = { size: 8, checkpoint: '' };
  const page: EntryFeedPage = { entries: [record], nextIndex: 8, retiredCount: 0, head };
  const feed: Pick<EntryFeed, 'read' | 'size'> = {
    read: async () => Promise.resolve(page),
    size: async () => Promise.resolve(head.size),
  };
  return new SinkBatches(feed as EntryFeed); // what the batches use of it
}

describe('SinkBatches', () => {
  // One byte in UTF-8, three, and six in JSON.
  it.each(SINKS.flatMap((sink) => ['x', '→', '\u0001'].map((character) => ({ sink, character }))))(
    'holds the reduced form to the longest record of $sink.type $sink.format, with long texts of $character',
    async ({ sink: options, character }) => {
      const context = testContext();
      const sink = sinkOf(options, MIN_RECORD_BYTES, context);
      const { records, reduced } = await batchesOf(longEntry(character)).read({
        ...{ sink, sendsPersonalValues: true, fromIndex: 7 },
        ...{ maxEntries: 1, isReduced: false },
      });
      await context.outbound.onApplicationShutdown();
      expect(reduced).toEqual(records);
      const [{ text, id } = { text: '', id: '' }] = records;
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MIN_RECORD_BYTES);
      expect(text).toContain(id);
    },
  );

  const long = Array.from({ length: 40 }, () => 'x'.repeat(258));
  const manyTexts = Array.from(
    { length: 40 },
    (_, nth) => [`filter${nth}`, '\u0001'.repeat(64)] as const,
  );
  const filters: AuditEntry['details'] = Object.fromEntries(manyTexts);

  it.each(
    SINKS.flatMap((sink) =>
      [
        { by: 'a long list', details: { actorSubjectNot: long }, isReduced: false },
        { by: 'many texts', details: filters, isReduced: false },
        { by: 'the receiver, which rejects it', details: {}, isReduced: true },
      ].map((made) => ({ sink, ...made })),
    ),
  )(
    'has every field of the detections in the form for $sink.type $sink.format of an entry reduced by $by',
    async ({ sink: options, details, isReduced }) => {
      const context = testContext();
      const sink = sinkOf(options, 8_192, context);
      const { records, reduced } = await batchesOf(detectedEntry(details)).read({
        ...{ sink, sendsPersonalValues: true, fromIndex: 7, maxEntries: 1, isReduced },
      });
      await context.outbound.onApplicationShutdown();
      const [{ text } = { text: '' }] = records;
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(8_192);
      // CEF takes such lists whole, as its texts are cut.
      if (!('format' in options && options.format === 'cef')) expect(reduced).toHaveLength(1);
      const whole = fieldsIn(sink.format(detectedEntry()));
      expect(fieldsIn(text)).toEqual(whole);
    },
  );

  it.each(['elastic', 'sentinel'])('knows every field that detections of %s read', async (siem) => {
    const file = new URL(`../../../../deploy/sigma/pipelines/${siem}.yml`, import.meta.url);
    const fields = [
      ...(await readFile(file, 'utf8')).matchAll(/^ +((?:entry|personal)\.[\w.]+):/gm),
    ];
    expect(fields.length).toBeGreaterThan(15);
    for (const [, field = ''] of fields) expect(Object.keys(READ_BY_DETECTIONS)).toContain(field);
  });
});
