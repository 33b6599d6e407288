import { describe, expect, it } from 'vitest';
import type { AuditEntry, AuditEntryRecord, EntryFeed, EntryFeedPage } from '#libs/audit';
import { sinksDocument } from '../config/sinks-document.js';
import { createSink } from '../sinks/create-sink.js';
import { sampleEntry } from '../testing/sample-records.js';
import { testContext } from '../testing/test-context.js';
import { SinkBatches } from './sink-batches.js';

const MIN_RECORD_BYTES = 2_048;
const COMMON = { name: 'sink', maxRecordBytes: MIN_RECORD_BYTES };
const CREDENTIAL = { file: '/run/secrets/credential' };
const URL = 'https://receiver.example/audit';

/** Every format of every sink. */
const SINKS = [
  ...['cef', 'ndjson', 'ecs', 'ocsf'].map((format) => ({
    ...{ type: 'syslog', host: 'receiver.example', hostname: 'h'.repeat(255), format },
  })),
  ...['ndjson', 'ecs', 'ocsf'].flatMap((format) => [
    { type: 'splunk', url: URL, token: CREDENTIAL, index: 'i'.repeat(256), format },
    { type: 'azure-blob', container: URL, format },
  ]),
  { type: 'elasticsearch', url: URL },
  { type: 'azure-monitor', endpoint: URL, ruleId: `dcr-${'0'.repeat(32)}` },
  { type: 'webhook', url: URL, signingSecrets: [CREDENTIAL] },
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
      const [sinkOptions] = sinksDocument.parse({
        version: 1,
        sinks: [{ ...COMMON, ...options }],
      }).sinks;
      if (!sinkOptions) throw new Error('no sink');
      const context = testContext();
      const { records, reduced } = await batchesOf(longEntry(character)).read({
        ...{ sink: createSink(sinkOptions, context), sendsPersonalValues: true, fromIndex: 7 },
        ...{ maxEntries: 1, isReduced: false },
      });
      await context.outbound.onApplicationShutdown();
      expect(reduced).toEqual(records);
      const [{ text, id } = { text: '', id: '' }] = records;
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MIN_RECORD_BYTES);
      expect(text).toContain(id);
    },
  );
});
