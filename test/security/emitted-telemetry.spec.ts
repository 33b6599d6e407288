import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SAMPLE_PEOPLE } from '../../apps/emulator/src/index.js';
import { OtlpReceiver } from '../support/otlp-receiver.js';
import { PlantedValues } from '../support/planted-values.js';
import { policyFile } from '../support/policy-file.js';
import { runningService } from '../support/running-service.js';
import { SecretScanner } from '../support/secret-scanner.js';
import { PlantedRequests } from './planted-requests.js';

const POLICY = `
version: 1
scopes: { voip: {}, chat: {} }
rules:
  - name: one-for-bots
    when: { kind: [bot] }
    allow:
      scopes: [voip]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 60 }
      tokensPerHour: 1
  - name: people
    when: { kind: [user] }
    allow:
      scopes: [voip]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 60 }
      teamsTokens: true
      reuse: true
`;

interface Line extends Readonly<Record<string, unknown>> {
  readonly message: string;
  readonly requestId?: string;
  readonly problem?: Readonly<Record<string, unknown>>;
}

const planted = new PlantedValues();
const policy = policyFile(POLICY);
const service = runningService(() => ({
  replicas: 0,
  environment: {
    POLICY_FILE: policy.path,
    LOG_LEVEL: 'debug',
    TRUSTED_PROXIES: '127.0.0.0/8,::1',
    ACS_BUDGET_EXCHANGE: '1',
    ACS_BUDGET_MAX_WAIT_MS: '100',
    ACS_TIMEOUT_MS: '1000',
    KEY_VAULT_REREAD_COOLDOWN_SECONDS: '1',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_SERVICE_NAME: 'identity',
  },
}));
let receiver: OtlpReceiver;
/** What the service emitted during all of it: the log, the bodies for the collector, `/metrics`. */
const emitted: { log: string[]; spans: string[]; metrics: string[] } = {
  log: [],
  spans: [],
  metrics: [],
};
let lines: Line[];

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  const api = await service().addApi({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: `x-key=${planted.secret('the key of the collector')}`,
  });
  const { url } = api;
  planted.add('the secret of the service', service().environment.AZURE_CLIENT_SECRET ?? '');
  for (const { accessKey } of service().emulator.acsResources) planted.add('access key', accessKey);
  const requests = new PlantedRequests(service(), url, planted);
  await requests.useTokens();
  await requests.sendHostileRequests();
  await requests.refuse();
  await requests.administer();
  await requests.breakUpstreams();
  await requests.rotateKeys();
  await requests.breakTheDatabase();
  emitted.metrics.push(await (await fetch(`${url}/metrics`)).text());
  await api.stop(); // the shutdown delivers what waits
  emitted.log.push(...service().logLines);
  const bodies = Object.groupBy(receiver.bodies, ({ path }) => path);
  emitted.spans.push(...(bodies['/v1/traces'] ?? []).map(({ text }) => text));
  emitted.metrics.push(...(bodies['/v1/metrics'] ?? []).map(({ text }) => text));
  lines = emitted.log
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
});

afterAll(() => {
  receiver.stop();
});

function refusals(): Line[] {
  return lines.filter(({ message, problem }) => message === 'request answered' && problem);
}

describe('what a running service emits', () => {
  it('has none of the planted tokens, secrets and personal values', () => {
    expect(emitted.spans.join().length).toBeGreaterThan(10_000);
    expect(emitted.log.length).toBeGreaterThan(100);
    for (const texts of Object.values(emitted)) {
      expect(planted.foundIn(texts)).toEqual([]);
      new SecretScanner().assertClean('the telemetry', texts);
    }
    // The log may have the ids of persons; spans and metrics have not even these.
    const alice = SAMPLE_PEOPLE.alice.objectId;
    expect([...emitted.spans, ...emitted.metrics].join()).not.toContain(alice);
  });

  it('says of every refusal its code, its general reason and what decided', () => {
    const seen = refusals().map(({ problem, level }) => ({ ...problem, level }));
    const expected = [
      { code: 'unauthenticated', title: 'An access token is required' },
      { code: 'invalid-token', title: 'The access token is not accepted' },
      { code: 'insufficient-permission', title: 'The caller lacks a permission' },
      { code: 'scopes-not-allowed', rule: 'people' },
      { code: 'token-quota-exceeded', tokensPerHour: 1 },
      { code: 'budget-exhausted', operation: 'exchange' },
      { code: 'invalid-request', title: 'The request is not valid' },
      { code: 'route-not-found' },
      { code: 'acs-credential-refused' },
    ];
    for (const one of expected)
      expect(seen).toContainEqual(expect.objectContaining({ ...one, level: 'info' }));
  });

  it('names a request by the id of its caller in the log and in the trace', () => {
    const id = 'order-4711';
    expect(refusals().find(({ requestId }) => requestId === id)).toMatchObject({
      problem: { code: 'scopes-not-allowed', rule: 'people' },
    });
    const span = receiver.spans.find(
      ({ attributes }) => attributes['acs_identity.request_id'] === id,
    );
    expect(span?.attributes).toMatchObject({ 'acs_identity.problem': 'scopes-not-allowed' });
  });

  it('counts every problem by its code', () => {
    const [text = ''] = emitted.metrics;
    const counted = [...text.matchAll(/^problem_responses_total\{code="([\w-]+)"\} (\d+)$/gm)];
    const codes = new Set(refusals().map(({ problem }) => problem?.code));
    expect(new Set(counted.map(([, code]) => code))).toEqual(codes);
  });

  it('says what failed: which secret, which error of the database', () => {
    const failures = lines.filter(({ message }) => message === 'request failed');
    expect(failures).toContainEqual(
      expect.objectContaining({ reason: expect.stringContaining('22P02') as string }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({
        message: expect.stringMatching(/secret/) as string,
        secret: 'acs-connection-string',
      }),
    );
  });
});
