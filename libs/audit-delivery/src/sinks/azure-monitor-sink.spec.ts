import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeSink } from '../testing/sink.contract.js';
import { HTTP_FAULTS, HttpTestReceiver } from '../testing/http-test-receiver.js';
import { stoppedAfterEach } from '../testing/stopped-after-each.js';
import { sampleEntry, sampleRecords } from '../testing/sample-records.js';
import { testContext } from '../testing/test-context.js';
import { trustedIdentity } from '../testing/test-identity.js';
import { type AzureMonitorRow, AZURE_MONITOR_COLUMNS } from './azure-monitor-row.js';
import { azureMonitorSinkSchema } from '../config/sink-options.js';
import { AzureMonitorSink } from './azure-monitor-sink.js';

const TOKEN = 'entra-token-of-the-service';
const RULE = 'dcr-0123456789abcdef0123456789abcdef';

let identity: Awaited<ReturnType<typeof trustedIdentity>>;
beforeAll(async () => {
  identity = await trustedIdentity();
});
afterAll(() => {
  identity.restore();
});

async function open() {
  const rows = new Map<string, AzureMonitorRow>();
  const receiver = await HttpTestReceiver.start(({ path, headers, body }) => {
    if (headers.authorization !== `Bearer ${TOKEN}`) return { status: 401 };
    const wanted = `/dataCollectionRules/${RULE}/streams/Custom-AcsIdentityAudit?api-version=2023-01-01`;
    if (decodeURIComponent(path) !== wanted || headers['content-encoding'] !== 'gzip')
      return { status: 404 };
    for (const row of JSON.parse(gunzipSync(body).toString()) as AzureMonitorRow[]) {
      const id = row.EntryId ?? '';
      if (!rows.has(id)) rows.set(id, row);
    }
    return { status: 204 };
  }, identity);
  const context = testContext({}, TOKEN);
  const options = azureMonitorSinkSchema.parse({
    type: 'azure-monitor',
    name: 'sentinel',
    endpoint: receiver.url,
    ruleId: RULE,
  });
  return {
    sink: new AzureMonitorSink(options, context),
    receiver,
    rows,
    stop: async () => {
      await context.outbound.onApplicationShutdown();
      await receiver.stop();
    },
  };
}

describeSink('AzureMonitorSink', async () => {
  const { sink, receiver, rows, stop } = await open();
  return {
    sink,
    faults: ['hang', 'die', 'lose-answer', 'error', 'throttle', 'refuse', 'foreign-answer'],
    credential: TOKEN,
    failNext: (fault) => void receiver.faults.push(HTTP_FAULTS[fault]),
    received: async () => Promise.resolve([...rows.keys()]),
    stop,
  };
});

describe('AzureMonitorSink', () => {
  const opened = stoppedAfterEach(open);

  it('uploads a row of the declared columns, compressed, in one request', async () => {
    const { sink, receiver, rows } = await opened();
    const records = sampleRecords(sink, 200);
    await sink.send({ records, checkpoint: '' }, AbortSignal.timeout(20_000));
    expect(receiver.requests).toHaveLength(1);
    const { entry } = sampleEntry(1);
    const row = rows.get(entry.id);
    expect(row).toMatchObject({
      TimeGenerated: entry.recordedAt,
      RecordedAt: entry.recordedAt,
      EntryIndex: 1,
      Action: 'token.issue',
      ActorIssuer: entry.actor.issuer,
      ActorIsGuest: false,
      ClientAddress: '203.0.113.7',
      Permissions: 'CommunicationToken.Issue',
      Details: entry.details,
    });
    expect(Object.keys(AZURE_MONITOR_COLUMNS)).toEqual(
      expect.arrayContaining(Object.keys(row ?? {})),
    );
  });

  it('is never more than the SDK sends in one request', async () => {
    const { sink, receiver } = await opened();
    const entry = sampleEntry(0);
    const text = sink.format({
      ...entry,
      entry: { ...entry.entry, details: { long: 'ü'.repeat(100_000) } },
    });
    const count = Math.floor(sink.limits.maxBatchBytes / Buffer.byteLength(text));
    const [record] = sampleRecords(sink, 1);
    if (!record) throw new Error('no record');
    const records = Array.from({ length: count }, () => ({ ...record, text }));
    await sink.send({ records, checkpoint: '' }, AbortSignal.timeout(20_000));
    expect(receiver.requests).toHaveLength(1);
  });
});
