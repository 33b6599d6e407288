import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Gauge, Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { readSettings } from '../../config/settings.js';
import { OutboundHttp } from '../../outbound/outbound-http.js';
import { MemoryLogger } from '../../testing/memory-logger.js';
import { SystemClock } from '../../time/clock.js';
import { RequestTrace } from '../request-trace.js';
import { currentTraceId } from '../traceparent.js';
import { telemetrySettings, type TelemetrySettings } from '../telemetry-settings.js';
import { startTelemetry } from './otlp-telemetry.js';

/** The length-delimited fields of a message of Protocol Buffers, by number. */
function fieldsOf(message: Buffer): Map<number, Buffer[]> {
  const fields = new Map<number, Buffer[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const [field, wire] = [key >> 3, key & 7];
    if (wire === 2) {
      const length = varint();
      fields.set(field, [...(fields.get(field) ?? []), message.subarray(at, (at += length))]);
    } else if (wire === 0) varint();
    else at += wire === 1 ? 8 : 4;
  }
  return fields;
}

/** The fields of nested messages at a path of field numbers. */
function at(message: Buffer, ...path: number[]): Buffer[] {
  return path.reduce(
    (messages, field) => messages.flatMap((one) => fieldsOf(one).get(field) ?? []),
    [message],
  );
}

it('delivers traces and metrics as Protocol Buffers when it stops', async () => {
  const received = new Map<string, { type: string | undefined; body: Buffer }>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const type = request.headers['content-type'];
      received.set(request.url ?? '', { type, body: Buffer.concat(chunks) });
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const outbound = new OutboundHttp();
  onTestFinished(async () => {
    await outbound.onApplicationShutdown();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_SERVICE_NAME: 'a-service',
  };
  const settings = readSettings([telemetrySettings], environment).get(telemetrySettings.key);
  const registry = new Registry();
  new Gauge({ name: 'a_gauge', help: 'A gauge.', registers: [registry] }).set(1);
  const stop = startTelemetry(settings as TelemetrySettings, {
    ...{ registry, outbound, clock: new SystemClock(), logger: new MemoryLogger() },
  });
  const trace = RequestTrace.begin({ method: 'GET', traceparent: undefined });
  trace?.end({ route: '/v1/me', status: 200, requestId: 'a-request' });
  await stop();

  expect(RequestTrace.begin({ method: 'GET', traceparent: undefined })).toBeUndefined();
  const [traces, metrics] = ['/v1/traces', '/v1/metrics'].map((path) => received.get(path));
  expect([traces?.type, metrics?.type]).toEqual(Array(2).fill('application/x-protobuf'));
  // opentelemetry-proto: resource_spans 1, resource 1, attributes 1, value 2, string_value 1
  const resource = at(traces?.body ?? Buffer.alloc(0), 1, 1, 1, 2, 1).map(String);
  expect(resource).toContain('a-service');
  // resource_spans 1, scope_spans 2, spans 2, name 5
  expect(at(traces?.body ?? Buffer.alloc(0), 1, 2, 2, 5).map(String)).toEqual(['GET /v1/me']);
  // resource_metrics 1, scope_metrics 2, metrics 2, name 1
  expect(at(metrics?.body ?? Buffer.alloc(0), 1, 2, 2, 1).map(String)).toEqual(['a_gauge']);
});

it('reports a failed delivery in no trace', async () => {
  const outbound = new OutboundHttp();
  onTestFinished(async () => outbound.onApplicationShutdown());
  const settings = readSettings([telemetrySettings], {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:1/v1/traces',
  }).get(telemetrySettings.key);
  const traceIds: (string | undefined)[] = [];
  class TracingLogger extends MemoryLogger {
    override warn(...line: Parameters<MemoryLogger['warn']>): void {
      traceIds.push(currentTraceId());
      super.warn(...line);
    }
  }
  const stop = startTelemetry(settings as TelemetrySettings, {
    ...{ registry: new Registry(), outbound, clock: new SystemClock() },
    logger: new TracingLogger(),
  });
  const request = RequestTrace.begin({ method: 'GET', traceparent: undefined });
  const other = RequestTrace.begin({ method: 'GET', traceparent: undefined });
  // The other request ends, and starts the timer of the batch, in the trace of the first.
  await request?.run(async () => {
    other?.end({ route: '/v1/me', status: 200, requestId: 'a-request' });
    await stop();
  });
  expect(traceIds).toEqual([undefined]);
});
