import { describe, expect, it } from 'vitest';
import { describeSink } from '../testing/sink.contract.js';
import { HTTP_FAULTS, HttpTestReceiver } from '../testing/http-test-receiver.js';
import { stoppedAfterEach } from '../testing/stopped-after-each.js';
import { sampleEntry, sampleRecords } from '../testing/sample-records.js';
import { testContext } from '../testing/test-context.js';
import { splunkSinkSchema } from '../config/sink-options.js';
import { SplunkSink } from './splunk-sink.js';

const TOKEN = 'b9d2c1f0-5d9e-4d43-a1a7-0c8c2a2f9b11';

interface HecEvent {
  readonly event: unknown;
  readonly fields: { readonly entry_id: string; readonly entry_index: number };
  readonly [member: string]: unknown;
}

/** A collector as Splunk documents it. @param pollsUntilStored with indexer acknowledgement */
async function open(pollsUntilStored?: number, more: object = {}) {
  const events = new Map<string, HecEvent>();
  let polls = 0;
  let isStored = false;
  const receiver = await HttpTestReceiver.start(({ path, headers, body }) => {
    if (headers.authorization !== `Splunk ${TOKEN}`)
      return { status: 403, body: '{"text":"Invalid token","code":4}' };
    if (path === '/hec/services/collector/ack') {
      polls += 1;
      return {
        status: 200,
        body: JSON.stringify({ acks: { 5: isStored || polls >= (pollsUntilStored ?? 0) } }),
      };
    }
    if (path !== '/hec/services/collector/event') return { status: 404 };
    for (const line of body.toString().split('\n')) {
      const event = JSON.parse(line) as HecEvent;
      if (!events.has(event.fields.entry_id)) events.set(event.fields.entry_id, event);
    }
    const ack = pollsUntilStored === undefined ? {} : { ackId: 5 };
    return { status: 200, body: JSON.stringify({ text: 'Success', code: 0, ...ack }) };
  });
  const context = testContext({ 'splunk-token': TOKEN });
  const options = splunkSinkSchema.parse({
    type: 'splunk',
    name: 'splunk',
    url: `${receiver.url}/hec/`,
    token: { secret: 'splunk-token' },
    index: 'identity',
    ...more,
  });
  return {
    sink: new SplunkSink(options, context),
    receiver,
    events,
    polls: () => polls,
    /** The indexers have stored everything. */
    acknowledge: () => {
      isStored = true;
    },
    stop: async () => {
      await context.outbound.onApplicationShutdown();
      await receiver.stop();
    },
  };
}

describeSink('SplunkSink', async () => {
  const { sink, receiver, events, stop } = await open();
  return {
    sink,
    faults: ['hang', 'die', 'lose-answer', 'error', 'throttle', 'refuse', 'foreign-answer'],
    credential: TOKEN,
    failNext: (fault) => void receiver.faults.push(HTTP_FAULTS[fault]),
    received: async () => Promise.resolve([...events.keys()]),
    stop,
  };
});

describe('SplunkSink', () => {
  const opened = stoppedAfterEach(open);

  const send = async (sink: SplunkSink, timeoutMs = 20_000): Promise<void> =>
    sink.send({ records: sampleRecords(sink, 2), checkpoint: '' }, AbortSignal.timeout(timeoutMs));

  it('sends events with time, source type, index, and the entry’s id as an indexed field', async () => {
    const { sink, events } = await opened();
    await send(sink);
    const { entry, personal } = sampleEntry(1);
    const clientNetwork = personal.clientAddress;
    expect(events.get(entry.id)).toEqual({
      time: Date.parse(entry.recordedAt) / 1_000,
      source: 'example.com/audit',
      sourcetype: 'acs-identity:audit',
      index: 'identity',
      fields: { entry_id: entry.id, entry_index: 1 },
      event: { index: 1, entry, personal: { ...personal, clientNetwork } },
    });
  });

  it('waits until the indexers have stored a batch, if the token has acknowledgement', async () => {
    const { sink, polls } = await opened(2);
    await send(sink);
    expect(polls()).toBe(2);
  });

  it('is not done when the indexers do not acknowledge in time', async () => {
    const { sink } = await opened(1_000);
    await expect(send(sink, 700)).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('asks again for the acknowledgement of a batch before it sends its entries anew', async () => {
    const { sink, events, receiver, acknowledge } = await opened(1_000);
    await expect(send(sink, 700)).rejects.toMatchObject({ kind: 'unavailable' });
    acknowledge();
    const records = sampleRecords(sink, 3);
    await sink.send({ records, checkpoint: '' }, AbortSignal.timeout(20_000));
    const bodies = receiver.requests
      .filter(({ path }) => path.endsWith('/event'))
      .map(({ body }) => body.toString().split('\n').length);
    expect(bodies).toEqual([2, 1]);
    expect([...events.keys()]).toEqual(records.map(({ id }) => id));
  });

  it('sends a batch anew that was not acknowledged in a second attempt', async () => {
    const { sink, receiver, acknowledge } = await opened(1_000);
    for (let attempt = 0; attempt < 2; attempt += 1)
      await expect(send(sink, 700)).rejects.toMatchObject({ kind: 'unavailable' });
    acknowledge();
    await send(sink);
    expect(receiver.requests.filter(({ path }) => path.endsWith('/event'))).toHaveLength(2);
  });

  it.each(['{"text":"Server is busy","code":9}', '{}', ''])(
    'takes the answer %s for no confirmation, whatever its status',
    async (body) => {
      const { sink, receiver } = await opened();
      receiver.faults.push({ status: 200, body });
      await expect(send(sink)).rejects.toMatchObject({ kind: 'unavailable' });
    },
  );

  it('reports the code of the collector', async () => {
    const { sink } = await opened(undefined, {
      token: { secret: 'splunk-token' },
      index: undefined,
    });
    const other = testContext({ 'splunk-token': 'revoked' });
    type Options = ConstructorParameters<typeof SplunkSink>[0];
    const { options } = sink as unknown as { options: Options }; // the same with another secret: they are private
    const revoked = new SplunkSink(options, other);
    await expect(send(revoked)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(/^\S+:\d+ answered 403 \(4\)$/) as string,
    });
    await other.outbound.onApplicationShutdown();
  });
});
