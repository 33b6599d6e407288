import { describe, expect, it } from 'vitest';
import { azureBlobSinkSchema } from '../config/sink-options.js';
import { blobServer } from '../testing/blob-server.js';
import { HTTP_FAULTS } from '../testing/http-test-receiver.js';
import type { SinkRecord } from '../delivery/sink.js';
import { stoppedAfterEach } from '../testing/stopped-after-each.js';
import { sampleEntry, sampleRecords } from '../testing/sample-records.js';
import { describeSink } from '../testing/sink.contract.js';
import { testContext } from '../testing/test-context.js';
import { sinkRecord } from '../delivery/sink-batches.js';
import { AzureBlobSink } from './azure-blob-sink.js';

const TOKEN = 'storage-token';
const HOUR = 'audit/2026/11/26/13.ndjson';

async function open(more: object = {}) {
  const { receiver, blobs, setBlockLimit, protect } = await blobServer(
    ({ authorization }) => authorization === `Bearer ${TOKEN}`,
  );
  const faults = new Map<string, string>();
  const context = {
    ...testContext({}, TOKEN),
    continuation: { faultOf: async (kept: string) => Promise.resolve(faults.get(kept)) },
  };
  const options = azureBlobSinkSchema.parse({
    ...{ type: 'azure-blob', name: 'archive', container: `${receiver.url}/identity`, ...more },
  });
  const linesOf = (name: string): string[] =>
    (blobs.get(`/identity/${name}`)?.toString() ?? '').split('\n').slice(0, -1);
  return {
    ...{ receiver, blobs, context, linesOf, setBlockLimit, protect },
    /** The log does not continue the checkpoint. */
    contradict: (checkpoint: string) => faults.set(checkpoint, 'a checkpoint of another log'),
    sink: new AzureBlobSink(options, context),
    newSink: () => new AzureBlobSink(options, context),
    stop: async () => {
      await context.outbound.onApplicationShutdown();
      await receiver.stop();
    },
  };
}

const idOf = (line: string): string => (JSON.parse(line) as { entry: { id: string } }).entry.id;

describeSink('AzureBlobSink', async () => {
  const { sink, receiver, linesOf, stop } = await open();
  return {
    sink,
    faults: ['hang', 'die', 'lose-answer', 'error', 'throttle', 'refuse', 'foreign-answer'],
    credential: TOKEN,
    failNext: (fault) => void receiver.faults.push(HTTP_FAULTS[fault]),
    // Without removing duplicates: it has none.
    received: async () => Promise.resolve(linesOf(HOUR).map(idOf)),
    stop,
  };
});

describe('AzureBlobSink', () => {
  const opened = stoppedAfterEach(open);

  const checkpointOf = (size: number): string =>
    `example.com/audit\n${size}\nAAAA\n\n— example.com/audit AAAA\n`;

  async function send(
    sink: AzureBlobSink,
    from: number,
    count: number,
    size = 1_000,
  ): Promise<void> {
    const records = sampleRecords(sink, count, from);
    await sink.send({ records, checkpoint: checkpointOf(size) }, AbortSignal.timeout(20_000));
  }

  it('appends the entries as the log has them to a blob for each hour', async () => {
    const { sink, linesOf } = await opened();
    const entries = [sampleEntry(1), sampleEntry(3_600_000)];
    const records = entries.map((entry) => sinkRecord(entry, sink.format(entry)));
    await sink.send({ records, checkpoint: '' }, AbortSignal.timeout(20_000));
    const [first = ''] = linesOf(HOUR);
    expect(JSON.parse(first)).toMatchObject({ index: 1, entry: { action: 'token.issue' } });
    expect(linesOf('audit/2026/11/26/14.ndjson')).toHaveLength(1);
  });

  it('appends nothing twice after a lost answer, also by another process', async () => {
    const { sink, newSink, receiver, linesOf } = await opened();
    await send(sink, 0, 3);
    receiver.faults.push('lose-answer');
    await expect(send(sink, 3, 4)).rejects.toMatchObject({ kind: 'unavailable' });
    await send(newSink(), 3, 6);
    expect(linesOf(HOUR).map(idOf)).toEqual(
      Array.from({ length: 9 }, (_, n) => sampleEntry(n).entry.id),
    );
  });

  it.each(['ndjson', 'ecs', 'ocsf'])(
    'appends no %s twice when the batch after a lost answer is smaller',
    async (format) => {
      const { sink, newSink, receiver, linesOf } = await opened({ format, checkpoint: false });
      await send(sink, 0, 1);
      receiver.faults.push('lose-answer');
      await expect(send(sink, 1, 45)).rejects.toMatchObject({ kind: 'unavailable' });
      const next = newSink();
      for (let from = 1; from < 60; from += 10) await send(next, from, 10);
      expect(linesOf(HOUR)).toEqual(sampleRecords(sink, 61).map(({ text }) => text));
    },
  );

  /** The entries of a log that was restored, with other ids than those that it lost. */
  function restored(sink: AzureBlobSink, from: number, count: number): SinkRecord[] {
    return sampleRecords(sink, count, from).map(({ text, ...record }) => {
      const id = record.id.replace('7000', '7111');
      return { ...record, id, text: text.replaceAll(record.id, id) };
    });
  }

  it.each(['ndjson', 'ecs', 'ocsf'])(
    'appends every %s of a restored log, however many entries it lost, and repeats none',
    async (format) => {
      const { sink, newSink, linesOf } = await opened({
        ...{ format, checkpoint: false, maxRecordBytes: 4_096 },
      });
      for (let from = 0; from < 300; from += 100) await send(sink, from, 100);
      const sent = [...sampleRecords(sink, 17), ...restored(sink, 17, 12)];
      for (let attempt = 0; attempt < 2; attempt += 1)
        for (const records of [sent.slice(5, 20), sent.slice(20)])
          await newSink().send({ records, checkpoint: '' }, AbortSignal.timeout(20_000));
      const lines = [...sampleRecords(sink, 300), ...sent.slice(17)].map(({ text }) => text);
      expect(linesOf(HOUR)).toEqual(lines);
    },
  );

  it('repeats nothing when the whole log arrives again, and reads no blob twice for it', async () => {
    const { sink, newSink, receiver, linesOf, setBlockLimit } = await opened({
      ...{ checkpoint: false, maxRecordBytes: 4_096 },
    });
    setBlockLimit(2);
    for (let from = 0; from < 300; from += 100) await send(sink, from, 100);
    const before = receiver.requests.length;
    const next = newSink();
    for (let from = 0; from < 300; from += 50) await send(next, from, 50);
    expect(linesOf(HOUR)).toHaveLength(200);
    expect(linesOf('audit/2026/11/26/13-2.ndjson')).toHaveLength(100);
    const reads = receiver.requests.slice(before).filter(({ method }) => method === 'GET');
    expect(
      new Set(reads.map(({ path, headers }) => `${path} ${String(headers['x-ms-range'])}`)).size,
    ).toBe(reads.length);
  });

  it('appends nothing to a blob whose end the service did not write', async () => {
    const { sink, newSink, receiver, linesOf } = await opened({ checkpoint: false });
    await send(sink, 0, 1);
    await fetch(`${receiver.url}/identity/${HOUR}?comp=appendblock`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${TOKEN}`, 'x-ms-version': '2024-11-04' },
      body: 'no line of a log\n',
    });
    const next = newSink();
    for (let attempt = 0; attempt < 2; attempt += 1)
      await expect(send(next, 1, 1)).rejects.toMatchObject({ kind: 'refused' });
    expect(linesOf(HOUR)).toHaveLength(2);
  });

  it('appends nothing behind what another process appended meanwhile', async () => {
    const { sink, newSink, linesOf } = await opened();
    await send(sink, 0, 2);
    await send(newSink(), 2, 3);
    await expect(send(sink, 2, 2)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(linesOf(HOUR)).toHaveLength(5);
  });

  it('continues in another blob when one has all the blocks that it may have', async () => {
    const { sink, newSink, linesOf, setBlockLimit } = await opened();
    setBlockLimit(1);
    await send(sink, 0, 2);
    await send(sink, 2, 2);
    expect(linesOf(HOUR)).toHaveLength(2);
    expect(linesOf('audit/2026/11/26/13-2.ndjson')).toHaveLength(2);
    setBlockLimit(50);
    await send(newSink(), 4, 1);
    expect(linesOf('audit/2026/11/26/13-2.ndjson')).toHaveLength(3);
  });

  it('stores the newest checkpoint, and delivers no log that does not continue the stored one', async () => {
    const { sink, newSink, blobs, linesOf, contradict } = await opened();
    const stored = (): string => String(blobs.get('/identity/audit/checkpoint'));
    await send(sink, 0, 1, 500);
    await send(sink, 1, 1, 501);
    expect(stored()).toBe(checkpointOf(501));
    contradict(checkpointOf(501));
    // Also when the other log is longer than this one was, and when it is found by a process that runs.
    for (const one of [newSink(), sink]) {
      for (let attempt = 0; attempt < 2; attempt += 1)
        await expect(send(one, 2, 1, 502)).rejects.toMatchObject({
          kind: 'refused',
          message: expect.stringContaining('another log') as string,
        });
    }
    expect(stored()).toBe(checkpointOf(501));
    expect(linesOf(HOUR)).toHaveLength(2);
  });

  it('replaces no checkpoint that another process has stored meanwhile', async () => {
    const { sink, newSink, blobs, linesOf, contradict } = await opened();
    await send(sink, 0, 1, 500);
    await send(newSink(), 1, 1, 600);
    contradict(checkpointOf(600));
    await expect(send(sink, 2, 1, 550)).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(send(sink, 2, 1, 550)).rejects.toMatchObject({ kind: 'refused' });
    expect(String(blobs.get('/identity/audit/checkpoint'))).toBe(checkpointOf(600));
    expect(linesOf(HOUR)).toHaveLength(2);
  });

  it('appends nothing twice when the checkpoint can not be written', async () => {
    const { sink, newSink, linesOf, protect } = await opened();
    await send(sink, 0, 3, 500);
    protect();
    for (let attempt = 0; attempt < 3; attempt += 1)
      await expect(send(sink, 3, 3, 600)).rejects.toMatchObject({
        kind: 'refused',
        message: expect.stringContaining('BlobImmutableDueToPolicy') as string,
      });
    await send(newSink(), 3, 3, 500);
    expect(linesOf(HOUR).map(idOf)).toEqual(
      Array.from({ length: 6 }, (_, n) => sampleEntry(n).entry.id),
    );
  });

  it('stores no checkpoint if it is configured so', async () => {
    const { sink, blobs } = await opened({ checkpoint: false });
    await send(sink, 0, 1);
    expect(blobs.has('/identity/audit/checkpoint')).toBe(false);
  });
});
