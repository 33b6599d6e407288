import { describe, expect, it } from 'vitest';
import { describeSink } from '../testing/sink.contract.js';
import { HTTP_FAULTS, HttpTestReceiver } from '../testing/http-test-receiver.js';
import { stoppedAfterEach } from '../testing/stopped-after-each.js';
import { sampleEntry, sampleRecords } from '../testing/sample-records.js';
import { testContext } from '../testing/test-context.js';
import { elasticsearchSinkSchema } from '../config/sink-options.js';
import { ElasticsearchSink } from './elasticsearch-sink.js';

const API_KEY = 'aWQ6c2VjcmV0LWtleQ==';
const INDEX = 'logs-acs_identity.audit-default';

/** The bulk API of a data stream, which only takes creations. @param statusOf of a document; 201 by default */
async function open(statusOf: (id: string) => number | undefined = () => undefined) {
  const documents = new Map<string, unknown>();
  const receiver = await HttpTestReceiver.start(({ path, headers, body }) => {
    if (headers.authorization !== `ApiKey ${API_KEY}`) return { status: 401 };
    const { pathname, searchParams } = new URL(path, 'http://elastic');
    if (pathname !== `/es/${INDEX}/_bulk`) return { status: 404 };
    if (!body.toString().endsWith('\n') || !searchParams.has('filter_path')) return { status: 400 };
    const lines = body.toString().trimEnd().split('\n');
    const items = [];
    for (let nth = 0; nth < lines.length; nth += 2) {
      const { create } = JSON.parse(lines[nth] ?? '') as { create: { _id: string } };
      const refusal = statusOf(create._id);
      const status = refusal ?? (documents.has(create._id) ? 409 : 201);
      if (status === 201) documents.set(create._id, JSON.parse(lines[nth + 1] ?? ''));
      const type =
        status === 409 ? 'version_conflict_engine_exception' : 'document_parsing_exception';
      items.push({ create: { status, ...(status >= 300 && { error: { type } }) } });
    }
    const errors = items.some(({ create }) => create.status >= 300);
    return { status: 200, body: JSON.stringify({ errors, items }) };
  });
  const context = testContext({ 'elastic-key': API_KEY });
  const options = elasticsearchSinkSchema.parse({
    type: 'elasticsearch',
    name: 'elastic',
    url: `${receiver.url}/es`,
    apiKey: { secret: 'elastic-key' },
  });
  return {
    sink: new ElasticsearchSink(options, context),
    receiver,
    documents,
    stop: async () => {
      await context.outbound.onApplicationShutdown();
      await receiver.stop();
    },
  };
}

describeSink('ElasticsearchSink', async () => {
  const { sink, receiver, documents, stop } = await open();
  return {
    sink,
    faults: ['hang', 'die', 'lose-answer', 'error', 'throttle', 'refuse', 'foreign-answer'],
    credential: API_KEY,
    failNext: (fault) =>
      void receiver.faults.push(fault === 'refuse' ? { status: 401 } : HTTP_FAULTS[fault]),
    received: async () => Promise.resolve([...documents.keys()]),
    stop,
  };
});

describe('ElasticsearchSink', () => {
  const opened = stoppedAfterEach(open);

  const send = async (sink: ElasticsearchSink, count: number): Promise<void> =>
    sink.send({ records: sampleRecords(sink, count), checkpoint: '' }, AbortSignal.timeout(20_000));

  it('creates documents of the Elastic Common Schema with the ids of the entries', async () => {
    const { sink, documents } = await opened();
    await send(sink, 2);
    const { entry } = sampleEntry(1);
    expect(documents.get(entry.id)).toMatchObject({
      '@timestamp': entry.recordedAt,
      event: { action: 'token.issue', outcome: 'success', id: entry.id, sequence: 1 },
      source: { ip: '203.0.113.7' },
    });
  });

  it.each([
    [429, 'throttled'],
    [503, 'unavailable'],
    [400, 'rejected'],
    [403, 'refused'],
  ])(
    'confirms the documents before the first with status %i, which is %s',
    async (status, kind) => {
      const bad = sampleEntry(3).entry.id;
      const { sink } = await opened((id) => (id === bad ? status : undefined));
      await expect(send(sink, 6)).rejects.toMatchObject({ kind, confirmedCount: 3 });
    },
  );

  it('takes a document that was there before for stored', async () => {
    const { sink, documents } = await opened();
    await send(sink, 3);
    await send(sink, 5);
    expect(documents.size).toBe(5);
  });

  it.each(['{}', '{"errors":false}', '{"errors":false,"items":[]}'])(
    'takes the answer %s, which names no document, for no confirmation',
    async (body) => {
      const { sink, receiver } = await opened();
      receiver.faults.push({ status: 200, body });
      await expect(send(sink, 1)).rejects.toMatchObject({ kind: 'unavailable' });
    },
  );

  it.each([
    [{ apiKey: { secret: 'a' }, user: 'elastic', password: { secret: 'b' } }],
    [{ user: 'elastic' }],
    [{ password: { secret: 'b' } }],
  ])('refuses the credentials %o', (credentials) => {
    const options = { type: 'elasticsearch', name: 'e', url: 'https://e.example', ...credentials };
    expect(elasticsearchSinkSchema.safeParse(options).success).toBe(false);
  });
});
