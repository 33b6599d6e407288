import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { call } from '../support/call.js';
import { OtlpReceiver, type ReceivedSpan, treeOf } from '../support/otlp-receiver.js';
import { runningService } from '../support/running-service.js';
import { type IssuedToken, newPerson, type Person } from '../support/tokens-api.js';

/** Prints each part of OpenTelemetry's SDK that the process loads. */
const REPORT_LOADS = `--import=data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({
    load(url, context, next) {
      if (/otlp-telemetry|@opentelemetry/.test(url)) process.stdout.write('loaded ' + url + '\\n');
      return next(url, context);
    },
  });`)}`;

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const COLLECTOR_KEY = 'the-key-of-the-collector';

let receiver: OtlpReceiver;
let silent: OtlpReceiver;
const service = runningService(() => ({
  replicas: 0,
  environment: { NODE_OPTIONS: REPORT_LOADS },
}));
/** What the traced process printed. */
let output: readonly string[];
let person: Person;
let firstSignIn: readonly ReceivedSpan[];

beforeAll(async () => {
  [receiver, silent] = await Promise.all([OtlpReceiver.start(), OtlpReceiver.start('silent')]);
  const api = await service().addApi({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: `x-key=${COLLECTOR_KEY}`,
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.name=other',
    OTEL_SERVICE_NAME: 'identity-of-contoso',
  });
  person = await signIn(api);
  await api.stop(); // the shutdown delivers what waits
  output = [...service().logLines];
  firstSignIn = receiver.spans.filter(({ traceId }) => traceId === TRACE_ID);
});

afterAll(() => {
  receiver.stop();
  silent.stop();
});

/** A first sign-in inside the trace of a caller, and two calls in traces of their own. */
async function signIn(api: ApiProcess): Promise<Person> {
  const someone = await newPerson(service());
  const options = { token: someone.bearer, body: {} };
  const headers = { traceparent: `00-${TRACE_ID}-${PARENT}-01` };
  const first = await call(api.url, 'post', '/v1/me/tokens', { ...options, headers });
  expect(first.status, first.text).toBe(200);
  await call(api.url, 'post', '/v1/me/tokens', options);
  await call(api.url, 'get', '/v1/identities', { token: 'not-a-token' });
  return someone;
}

describe('the trace of a first sign-in', () => {
  it('has a span for each step, below the span of the caller', () => {
    expect(treeOf(firstSignIn)).toEqual([
      'POST /v1/me/tokens',
      '  authenticate',
      '  issue a token',
      '    decide by the policy',
      '    find or create the identity',
      '      SELECT mapping',
      '      INSERT mapping',
      '      GET /secrets/{name}',
      '      wait for the request budget',
      '      POST /identities',
      '    GET /secrets/{name}',
      '    record in the audit log',
      '      COPY audit_entry',
    ]);
    const root = firstSignIn.find(({ parentSpanId }) => parentSpanId === PARENT);
    expect(root).toMatchObject({ name: 'POST /v1/me/tokens', kind: 2 });
    expect(root?.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/v1/me/tokens',
      'http.response.status_code': 200,
    });
  });

  it('identifies the call to ACS as the log of Azure and the audit log do', async () => {
    const entry = (await service().auditEntries()).find(({ action }) => action === 'token.issue');
    const acs = firstSignIn.find(({ name }) => name === 'POST /identities');
    expect(acs).toMatchObject({ kind: 3 });
    expect(acs?.attributes).toMatchObject({
      'http.response.header.ms-cv': [entry?.upstream?.correlationVector],
      'http.request.header.x-ms-client-request-id': [entry?.request?.id],
      'http.response.status_code': 201,
      'acs_identity.acs.operation': 'createWithToken',
    });
    expect(entry?.request).toMatchObject({ traceId: TRACE_ID });
  });

  it('continues at ACS and Key Vault', async () => {
    const { control } = service().emulator;
    const below = (name: string) => {
      const ids = firstSignIn.filter((span) => span.name === name).map(({ spanId }) => spanId);
      return ids.map((id) => `00-${TRACE_ID}-${id}-01`);
    };
    const [acs] = await control.readJournal({ service: 'acs' });
    expect([acs?.traceparent]).toEqual(below('POST /identities'));
    const vault = await control.readJournal({ service: 'key-vault', operation: 'get-secret' });
    const joined = vault.map(({ traceparent }) => traceparent);
    expect(joined).toEqual(expect.arrayContaining(below('GET /secrets/{name}')));
  });

  it('is named in the lines of the log', () => {
    const lines = output.filter((line) => line.includes('"message":"request answered"'));
    const traceIds = lines.map((line) => (JSON.parse(line) as { traceId?: string }).traceId);
    const roots = receiver.spans.filter(({ kind }) => kind === 2);
    expect(traceIds).toEqual(roots.map(({ traceId }) => traceId));
    expect(traceIds).toContain(TRACE_ID);
    expect(new Set(traceIds).size).toBe(traceIds.length);
  });
});

describe('telemetry', () => {
  it('says which service it is of, and names metrics by the semantic conventions', () => {
    expect(receiver.resource).toMatchObject({
      'service.name': 'identity-of-contoso',
      'deployment.environment.name': 'test',
    });
    const names = receiver.metrics.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'http.server.request.duration',
        'http.client.request.duration',
        'db.client.operation.duration',
        'db.client.connection.count',
        'nodejs.eventloop.delay.p99',
        'process.cpu.time',
        'acs_request_duration_seconds',
      ]),
    );
    expect(receiver.headers['x-key']).toBe(COLLECTOR_KEY);
  });

  it('is loaded where it is configured, and not with a protocol that it does not have', async () => {
    expect(output.some((line) => line.includes('loaded file:'))).toBe(true);
    const before = service().logLines.length;
    const api = await service().addApi({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    });
    const options = { token: person.bearer, body: {} };
    const { status } = await call(api.url, 'post', '/v1/me/tokens', options);
    expect(status).toBe(200);
    await api.stop();
    const lines = service().logLines.slice(before);
    expect(
      lines.filter((line) => line.includes('OTEL_EXPORTER_OTLP_PROTOCOL must be')),
    ).toHaveLength(1);
    expect(lines.join()).not.toContain('loaded file:');
  });

  it('harms no request and no shutdown when the collector is down or does not answer', async () => {
    const before = service().logLines.length;
    const api = await service().addApi({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: silent.url,
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:1/v1/metrics',
    });
    const options = { token: person.bearer, body: {} };
    for (let n = 0; n < 5; n += 1) {
      const { status, body } = await call(api.url, 'post', '/v1/me/tokens', options);
      expect(status).toBe(200);
      service().scanner.forbid((body as IssuedToken).token);
    }
    await api.stop();
    expect(await api.ended).toBe(0);
    const lines = service().logLines.slice(before);
    const warnings = lines.filter((line) => line.includes('telemetry is not delivered'));
    expect(warnings.map((line) => (JSON.parse(line) as { signal: string }).signal)).toContain(
      'metrics',
    );
    expect(warnings.length).toBeLessThanOrEqual(2); // one for each signal
  });
});
