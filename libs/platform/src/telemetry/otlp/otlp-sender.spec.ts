import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OutboundHttp } from '../../outbound/outbound-http.js';
import { MemoryLogger } from '../../testing/memory-logger.js';
import { Clock } from '../../time/clock.js';
import { OtlpSender, type OtlpTarget } from './otlp-sender.js';

/** Pauses take no time and are remembered. */
class EagerClock extends Clock {
  readonly pauses: number[] = [];
  onPause: () => void = () => undefined;
  #nowMs = 0;

  now(): number {
    return this.#nowMs;
  }

  monotonicNow(): number {
    return this.#nowMs;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    this.pauses.push(delayMs);
    this.#nowMs += delayMs;
    this.onPause();
    signal?.throwIfAborted();
    return Promise.resolve();
  }
}

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

async function collector(answer: Answer, more: Partial<OtlpTarget> = {}) {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      answer(request, response, Buffer.concat(chunks));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  const outbound = new OutboundHttp();
  onTestFinished(async () => {
    await outbound.onApplicationShutdown();
    stop();
  });
  const [clock, logger] = [new EagerClock(), new MemoryLogger()];
  const target = {
    ...({ signal: 'traces', url: `http://127.0.0.1:${port}/v1/traces` } as const),
    ...{ headers: { 'x-key': 'secret' }, contentType: 'application/json', isCompressed: false },
    ...{ rejectedIn: () => undefined, timeoutMs: 5_000, ...more },
  };
  const dispatcher = outbound.dispatcher({ timeoutMs: 5_000 });
  return { sender: new OtlpSender(target, { dispatcher, clock, logger }), clock, logger, stop };
}

const content = Buffer.from('{"resourceSpans":[]}');

describe('OtlpSender', () => {
  it('posts the content with the configured headers, compressed where that is configured', async () => {
    let received: unknown;
    const { sender } = await collector(
      ({ url, headers }, response, body) => {
        received = { url, key: headers['x-key'], body: gunzipSync(body).toString() };
        response.end();
      },
      { isCompressed: true },
    );
    expect(await sender.send(content)).toBe(true);
    expect(received).toEqual({ url: '/v1/traces', key: 'secret', body: content.toString() });
  });

  it.each([
    ['2', 2_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ])(
    'repeats a delivery that the collector defers, after the time that it names: %s',
    async (wait, ms) => {
      const statuses = [429, 503, 200];
      const { sender, clock, logger } = await collector((_request, response) => {
        response.writeHead(statuses.shift() ?? 500, { 'retry-after': wait }).end();
      });
      expect(await sender.send(content)).toBe(true);
      expect(clock.pauses).toEqual([ms, ms]);
      expect(logger.lines).toEqual([]);
    },
  );

  it('repeats a delivery for as long as it may take', async () => {
    const { sender, clock, logger } = await collector(
      (_request, response) => {
        response.writeHead(503).end();
      },
      { timeoutMs: 12_000 },
    );
    expect(await sender.send(content)).toBe(false);
    expect(clock.pauses).toEqual([1_000, 2_000, 4_000, 4_000]);
    expect(logger.lines[0]?.fields).toMatchObject({ reason: 'status 503' });
  });

  it('repeats a delivery whose connection the collector closes', async () => {
    let requests = 0;
    const { sender, clock, logger } = await collector((request, response) => {
      requests += 1;
      if (requests < 3) request.socket.destroy();
      else response.end();
    });
    expect(await sender.send(content)).toBe(true);
    expect(clock.pauses).toEqual([1_000, 2_000]);
    expect(logger.lines).toEqual([]);
  });

  it('tries once more when it ends, and then each delivery once', async () => {
    let requests = 0;
    const { sender, clock, logger } = await collector((_request, response) => {
      requests += 1;
      if (requests === 1) sender.end();
      response.writeHead(503).end();
    });
    expect(await sender.send(content)).toBe(false);
    expect(await sender.send(content)).toBe(false);
    expect(requests).toBe(3);
    expect(clock.pauses).toEqual([]);
    expect(logger.lines).toHaveLength(1);
  });

  it('ends a pause when it ends', async () => {
    const { sender, clock } = await collector((_request, response) => {
      response.writeHead(503).end();
    });
    clock.onPause = () => {
      sender.end();
    };
    expect(await sender.send(content)).toBe(false);
    expect(clock.pauses).toEqual([1_000]);
  });

  it('does not wait for longer than a delivery may take', async () => {
    const { sender, clock } = await collector((_request, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end();
    });
    expect(await sender.send(content)).toBe(false);
    expect(clock.pauses).toEqual([]);
  });

  it.each([400, 401, 404, 500])('repeats nothing that was refused with %i', async (status) => {
    let requests = 0;
    const { sender } = await collector((_request, response) => {
      requests += 1;
      response.writeHead(status).end();
    });
    expect(await sender.send(content)).toBe(false);
    expect(requests).toBe(1);
  });

  it('gives up on a collector that does not answer', async () => {
    const { sender, logger } = await collector(() => undefined, { timeoutMs: 150 });
    expect(await sender.send(content)).toBe(false);
    expect(logger.lines[0]?.fields).toMatchObject({
      reason: expect.stringMatching(/^127\.0\.0\.1:\d+ gave no answer in time: check /) as string,
    });
  });

  it('logs an outage once, without what it sends, and its end with what was lost', async () => {
    let status = 401;
    const { sender, logger } = await collector((_request, response) => {
      response.writeHead(status).end('secret answer');
    });
    for (let n = 0; n < 5; n += 1) await sender.send(content);
    status = 200;
    for (let n = 0; n < 2; n += 1) await sender.send(content);
    expect(logger.lines.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      'warn: telemetry is not delivered',
      'info: telemetry is delivered again',
    ]);
    expect(logger.lines[0]?.fields).toMatchObject({
      collector: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/v1\/traces$/) as string,
    });
    expect(logger.lines[1]?.fields).toEqual({ signal: 'traces', lostDeliveries: 5 });
    expect(JSON.stringify(logger.lines)).not.toContain('secret');
  });

  it.each(['application/json', 'application/x-protobuf'])(
    'logs what a collector rejects of a delivery that it takes, in %s, and repeats nothing',
    async (contentType) => {
      const isJson = contentType.endsWith('json');
      // ExportTraceServiceResponse: partial_success { rejected_spans: 5, error_message: "secret" }
      const binary = Buffer.from('0a0a08051206736563726574', 'hex');
      const json = '{"partialSuccess":{"rejectedSpans":"5","errorMessage":"secret"}}';
      let requests = 0;
      const serializer = isJson ? JsonTraceSerializer : ProtobufTraceSerializer;
      const { sender, logger } = await collector(
        (_request, response) => {
          requests += 1;
          response
            .writeHead(200, { 'content-type': `${contentType}; charset=utf-8` })
            .end(isJson ? json : binary);
        },
        {
          contentType,
          rejectedIn: (answer) =>
            serializer.deserializeResponse(answer).partialSuccess?.rejectedSpans,
        },
      );
      expect(await sender.send(content)).toBe(false);
      expect(requests).toBe(1);
      expect(logger.lines[0]?.message).toBe('telemetry is not delivered');
      expect(logger.lines[0]?.fields).toMatchObject({ reason: 'the collector rejected 5' });
      expect(JSON.stringify(logger.lines)).not.toContain('secret');
    },
  );

  it.each(['{}', '', '{"partialSuccess":{"errorMessage":"a warning"}}', '<html>', '[]', 'null'])(
    'takes a delivery that the collector answers with 200 and %s as accepted',
    async (answer) => {
      const { sender, logger } = await collector(
        (_request, response) => {
          response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
        },
        {
          rejectedIn: (bytes) =>
            JsonTraceSerializer.deserializeResponse(bytes).partialSuccess?.rejectedSpans,
        },
      );
      expect(await sender.send(content)).toBe(true);
      expect(logger.lines).toEqual([]);
    },
  );

  it('takes a collector that stays down for one that does not accept', async () => {
    const { sender, clock, logger, stop } = await collector(() => undefined);
    stop();
    expect(await sender.send(content)).toBe(false);
    expect(clock.pauses).toEqual([1_000, 2_000]);
    expect(logger.lines[0]?.fields).toMatchObject({
      reason: expect.stringMatching(/gave no answer \(ECONNREFUSED\): check its address/) as string,
    });
  });
});
