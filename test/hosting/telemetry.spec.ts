import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiProcess } from '../../apps/local/src/api-process.js';
import { call } from '../support/call.js';
import { OtlpReceiver, type ReceivedSpan, treeOf } from '../support/otlp-receiver.js';
import { runningService } from '../support/running-service.js';
import { SecretScanner } from '../support/secret-scanner.js';
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
const PLANTED = {
  address: '198.51.100.77',
  agent: 'PlantedBrowser/7',
  baggage: 'planted-baggage',
  state: 'planted-state',
  name: 'Planted Person',
  email: 'planted.person@contoso.example',
  path: 'planted-path',
  query: 'planted-query',
  header: 'planted-collector-key',
};

let receiver: OtlpReceiver;
let silent: OtlpReceiver;
/** Of the person who signs in. */
const planted: string[] = [];
const service = runningService(() => ({
  replicas: 0,
  environment: { NODE_OPTIONS: REPORT_LOADS, TRUSTED_PROXIES: '127.0.0.0/8,::1' },
}));
/** What the processes printed, and what `/metrics` of the traced one had. */
const outputs: { traced: string[]; metrics: string } = { traced: [], metrics: '' };
let person: Person;
let firstSignIn: readonly ReceivedSpan[];

beforeAll(async () => {
  [receiver, silent] = await Promise.all([OtlpReceiver.start(), OtlpReceiver.start('silent')]);
  const api = await service().addApi({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: `x-key=${PLANTED.header}`,
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,service.name=other',
    OTEL_SERVICE_NAME: 'identity-of-contoso',
  });
  person = await signIn(api);
  await api.stop(); // the shutdown delivers what waits
  outputs.traced = [...service().logLines];
  firstSignIn = receiver.spans.filter(({ traceId }) => traceId === TRACE_ID);
});

afterAll(() => {
  receiver.stop();
  silent.stop();
});

/** A first sign-in inside the trace of a caller, and calls that are refused or have planted values. */
async function signIn(api: ApiProcess): Promise<Person> {
  const { oid } = await newPerson(service());
  const bearer = await service().emulator.control.mintToken({
    person: 'alice',
    claims: { oid, name: PLANTED.name, preferred_username: PLANTED.email, email: PLANTED.email },
  });
  const headers = {
    'user-agent': PLANTED.agent,
    'x-forwarded-for': PLANTED.address,
    baggage: `user=${PLANTED.baggage}`,
    tracestate: `vendor=${PLANTED.state}`,
  };
  const traceparent = `00-${TRACE_ID}-${PARENT}-01`;
  const options = { token: bearer, body: {} };
  const first = await call(api.url, 'post', '/v1/me/tokens', {
    ...options,
    headers: { ...headers, traceparent },
  });
  expect(first.status, first.text).toBe(200);
  const { token, identity } = first.body as IssuedToken;
  planted.push(bearer, token, identity.communicationUserId);
  await call(api.url, 'post', '/v1/me/tokens', { ...options, headers });
  await call(api.url, 'get', `/v1/identities/${PLANTED.path}?q=${PLANTED.query}`, {
    token: 'not-a-token',
    isUndocumented: true,
    headers,
  });
  outputs.metrics = await (await fetch(`${api.url}/metrics`)).text();
  return { oid, bearer };
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
    const lines = outputs.traced.filter((line) => line.includes('"message":"request answered"'));
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
        'nodejs.eventloop.delay.p99',
        'process.cpu.time',
        'acs_request_duration_seconds',
      ]),
    );
    expect(receiver.headers['x-key']).toBe(PLANTED.header);
  });

  it('has no token, secret, name or address, and neither have the log and the metrics', () => {
    const scanner = new SecretScanner();
    const { environment, emulator } = service();
    scanner.forbid(...Object.values(PLANTED), ...planted);
    scanner.forbid(environment.AZURE_CLIENT_SECRET ?? '');
    for (const { accessKey, connectionString } of emulator.acsResources)
      scanner.forbid(accessKey, connectionString);
    const bodies = receiver.bodies.map(({ text }) => text);
    expect(bodies.length).toBeGreaterThan(1);
    scanner.assertClean('the telemetry', bodies);
    scanner.assertClean('the log', outputs.traced);
    scanner.assertClean('the metrics', [outputs.metrics]);
    // Ids of the person are in the log, and nowhere else.
    scanner.forbid(person.oid);
    scanner.assertClean('the telemetry', [...bodies, outputs.metrics]);
  });

  it('is loaded where it is configured, and nowhere else', async () => {
    expect(outputs.traced.some((line) => line.includes('loaded file:'))).toBe(true);
    const before = service().logLines.length;
    const api = await service().addApi();
    await call(api.url, 'post', '/v1/me/tokens', { token: person.bearer, body: {} });
    await api.stop();
    expect(service().logLines.slice(before).join()).not.toContain('loaded file:');
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
