import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { describeSink } from '../testing/sink.contract.js';
import { HTTP_FAULTS, HttpTestReceiver } from '../testing/http-test-receiver.js';
import { stoppedAfterEach } from '../testing/stopped-after-each.js';
import { sampleEntry, sampleRecords } from '../testing/sample-records.js';
import { testContext } from '../testing/test-context.js';
import { webhookSinkSchema } from '../config/sink-options.js';
import { WebhookSink } from './webhook-sink.js';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const QUERY = 'api-version=2016-10-01&sig=a%2Fsignature';
const NEW_SECRET = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;

interface CloudEvent {
  readonly id: string;
  readonly [attribute: string]: unknown;
}

/** A receiver that verifies signatures with the reference implementation, and knows what it has. */
async function open(secrets: readonly string[] = [SECRET], accepted = SECRET) {
  const events = new Map<string, CloudEvent>();
  const receiver = await HttpTestReceiver.start(({ headers, body }) => {
    const webhook = new Webhook(accepted);
    try {
      webhook.verify(body.toString(), headers as Record<string, string>);
    } catch {
      return { status: 401 };
    }
    for (const event of JSON.parse(body.toString()) as CloudEvent[])
      if (!events.has(event.id)) events.set(event.id, event);
    return { status: 204 };
  });
  const stored = Object.fromEntries(secrets.map((value, nth) => [`webhook-${nth}`, value]));
  const context = testContext({ ...stored, 'webhook-query': QUERY });
  const options = webhookSinkSchema.parse({
    type: 'webhook',
    name: 'hook',
    url: `${receiver.url}/events`,
    query: { secret: 'webhook-query' },
    signingSecrets: Object.keys(stored).map((secret) => ({ secret })),
  });
  return {
    sink: new WebhookSink(options, context),
    receiver,
    events,
    stop: async () => {
      await context.outbound.onApplicationShutdown();
      await receiver.stop();
    },
  };
}

describeSink('WebhookSink', async () => {
  const { sink, receiver, events, stop } = await open();
  return {
    sink,
    // The protocol confirms by the status alone.
    faults: ['hang', 'die', 'lose-answer', 'error', 'throttle', 'refuse'],
    credential: SECRET,
    failNext: (fault) => void receiver.faults.push(HTTP_FAULTS[fault]),
    received: async () => Promise.resolve([...events.keys()]),
    stop,
  };
});

describe('WebhookSink', () => {
  const opened = stoppedAfterEach(open);

  const send = async (sink: WebhookSink, count: number): Promise<void> =>
    sink.send({ records: sampleRecords(sink, count), checkpoint: '' }, AbortSignal.timeout(20_000));

  it('sends the attributes of CloudEvents 1.0 and the entry as the log has it', async () => {
    const { sink, receiver, events } = await opened();
    await send(sink, 2);
    const { entry, personal } = sampleEntry(1);
    const clientNetwork = personal.clientAddress;
    expect(events.get(entry.id)).toEqual({
      specversion: '1.0',
      id: entry.id,
      source: 'example.com/audit',
      type: 'acs-identity.audit.token.issue',
      time: entry.recordedAt,
      sequence: '0000000000000001',
      datacontenttype: 'application/json',
      data: { index: 1, entry, personal: { ...personal, clientNetwork } },
    });
    const [request] = receiver.requests;
    expect(request?.path).toBe(`/events?${QUERY}`);
    expect(request?.headers['content-type']).toMatch(/^application\/cloudevents-batch\+json/);
  });

  it('repeats a batch under the same message id', async () => {
    const { sink, receiver } = await opened();
    await send(sink, 3);
    await send(sink, 3);
    const ids = receiver.requests.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(1);
  });

  it.each([SECRET, NEW_SECRET])(
    'signs with both secrets while one is being replaced',
    async (one) => {
      const { sink, events } = await opened([SECRET, NEW_SECRET], one);
      await send(sink, 1);
      expect(events.size).toBe(1);
    },
  );

  it('names its receiver without the query, which may be a credential', async () => {
    const { sink, receiver } = await opened();
    expect(sink.address).toBe(`${receiver.url}/events`);
    receiver.faults.push({ status: 401 });
    const error = await send(sink, 1).catch((reason: unknown) => reason);
    expect(String(error)).toContain('answered 401');
    expect(String(error)).not.toContain('signature');
  });

  it('follows no redirect, which would take the entries elsewhere', async () => {
    const { sink, receiver } = await opened();
    receiver.faults.push({ status: 307 });
    await expect(send(sink, 1)).rejects.toMatchObject({ kind: 'refused' });
    expect(receiver.requests).toHaveLength(0);
  });

  it.each(['too short', 'whsec_', Buffer.alloc(65).toString('base64')])(
    'refuses the signing secret %s, without repeating it',
    async (secret) => {
      const { sink } = await opened([secret]);
      const error = await send(sink, 1).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ kind: 'refused' });
      expect(String(error)).not.toContain('too short');
    },
  );
});
