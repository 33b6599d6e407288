import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { MemoryLogger, readSettings, SystemClock } from '#libs/platform';
import {
  MemorySecretStore,
  SdkAzureCredential,
  secretsSettings,
  type SecretsSettings,
} from '#libs/secrets';
import {
  type Emulator,
  type JournalEntry,
  SAMPLE_APPS,
  SAMPLE_PEOPLE,
  startEmulator,
} from '../../../apps/emulator/src/index.js';
import { AcsClients } from './acs-clients.js';
import { AcsCommunicationIdentityGateway } from './acs-communication-identity-gateway.js';
import { describeGateway } from './communication-identity-gateway.contract.js';
import type { GatewayCall } from './communication-identity-gateway.js';
import { CommunicationResources } from './communication-resources.js';
import {
  IdentityNotOwned,
  UpstreamCredentialMalformed,
  UpstreamCredentialRefused,
  UpstreamOutcomeUnknown,
  UpstreamRequestRefused,
  UpstreamThrottled,
  UpstreamUnavailable,
} from './gateway-errors.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { UndiciHttpClient } from './undici-http-client.js';
import { UnboundedRequestBudget } from './unbounded-request-budget.js';

const directory = mkdtempSync(join(tmpdir(), 'gateway-spec-'));
const standardCertificates = tls.getCACertificates('default');
const started: AcsCommunicationIdentityGateway[] = [];
let emulator: Emulator;

beforeAll(async () => {
  emulator = await startEmulator({ directory });
  tls.setDefaultCACertificates([...standardCertificates, emulator.caPem]);
  const { clientId, clientSecret } = SAMPLE_APPS['identity-service'];
  vi.stubEnv('AZURE_TENANT_ID', emulator.tenantId);
  vi.stubEnv('AZURE_CLIENT_ID', clientId);
  vi.stubEnv('AZURE_CLIENT_SECRET', clientSecret);
});

afterEach(async () => {
  await emulator.control.removeFaults();
});

afterAll(async () => {
  vi.unstubAllEnvs();
  tls.setDefaultCACertificates(standardCertificates);
  for (const gateway of started) await gateway.onModuleDestroy();
  await emulator.stop();
  rmSync(directory, { recursive: true });
});

interface Started {
  readonly gateway: AcsCommunicationIdentityGateway;
  readonly secrets: MemorySecretStore;
  readonly resources: CommunicationResources;
  readonly logger: MemoryLogger;
}

function start(
  options: { timeoutMs?: number; isEntra?: boolean; endpoint?: string } = {},
): Started {
  const { timeoutMs = 3000, isEntra = false, endpoint } = options;
  const resources = new CommunicationResources(
    emulator.acsResources.map(({ name, url, resourceId, secretName }) => ({
      name: name === 'main' ? 'default' : name,
      endpoint: endpoint ?? url,
      immutableResourceId: resourceId,
      ...(!isEntra && { credentialSecret: secretName }),
      tenants: [],
    })),
    'default',
  );
  const clock = new SystemClock();
  const secrets = new MemorySecretStore(clock);
  for (const { secretName, connectionString } of emulator.acsResources) {
    secrets.put(secretName, connectionString);
  }
  const settings = readSettings([secretsSettings], {
    KEY_VAULT_URL: emulator.keyVaultUrl,
    AZURE_CREDENTIAL: 'environment',
    AZURE_AUTHORITY_HOST: emulator.entraUrl,
  }).get(secretsSettings.key) as SecretsSettings; // the key's own type
  const clients = new AcsClients(
    { timeoutMs, connections: 8 },
    secrets,
    new SdkAzureCredential(settings),
  );
  const logger = new MemoryLogger();
  const gateway = new AcsCommunicationIdentityGateway(
    resources,
    clients,
    new UnboundedRequestBudget(),
    { timeoutMs, clock, logger, metrics: new GatewayMetrics(new Registry()) },
  );
  started.push(gateway);
  return { gateway, secrets, resources, logger };
}

/** The calls that ACS got while `work` ran. */
async function callsDuring(work: () => Promise<unknown>): Promise<JournalEntry[]> {
  const last = (await emulator.control.readJournal({ service: 'acs' })).at(-1)?.sequence ?? 0;
  await work().catch(() => undefined);
  return emulator.control.readJournal({ service: 'acs', since: last });
}

const call: GatewayCall = { resource: 'default', request: { requestId: 'request-1' } };
const wish = { scopes: ['chat'], expiresInMinutes: 60 };

describeGateway('AcsCommunicationIdentityGateway', async () => {
  const { gateway, resources } = start();
  return Promise.resolve({
    gateway,
    resources,
    loseNextAnswer: async (operation) => {
      const fault = { service: 'acs', operation, kind: 'reply-lost', count: 1 } as const;
      await emulator.control.addFault(fault);
    },
    identities: async () =>
      (await emulator.control.listIdentities())
        .filter(({ deletedAt }) => deletedAt === undefined)
        .map(({ id }) => id),
    teamsToken: async () => ({
      teamsUserToken: await emulator.control.mintToken({ person: 'alice', resource: 'teams' }),
      clientApp: SAMPLE_APPS['sample-web-app'].clientId,
      subject: SAMPLE_PEOPLE.alice.objectId,
    }),
  });
});

describe('AcsCommunicationIdentityGateway', () => {
  it('issues tokens that ACS holds good, for the scopes that were asked', async () => {
    const { gateway } = start();
    const { token, communicationUserId } = await gateway.createIdentityWithToken(call, wish);
    const state = await emulator.control.validateAcsToken(token);
    expect(state).toMatchObject({ valid: true, communicationUserId, scopes: ['chat'] });
  });

  it('signs in with Entra when no secret is configured', async () => {
    const { gateway } = start({ isEntra: true });
    const { evidence } = await gateway.createIdentity(call);
    expect(evidence.secretVersion).toBeUndefined();
    expect(evidence.correlationVector).toEqual(expect.any(String));
  });

  it('names the version of the secret that signed the call', async () => {
    const { gateway, secrets } = start();
    const version = secrets.put('acs-connection-string', emulator.acsAccessKey);
    expect((await gateway.createIdentity(call)).evidence.secretVersion).toBe(version);
  });

  it('reads the secret again, once, when ACS refuses the credential', async () => {
    const { gateway, secrets } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    const { connectionString = '' } = await emulator.control.regenerateAcsKey();
    const reread = vi.spyOn(secrets, 'reread').mockImplementationOnce(async (name) => {
      secrets.put(name, connectionString);
      return secrets.read(name);
    });
    const issue = async (): Promise<unknown> =>
      gateway.issueToken(call, { ...wish, communicationUserId });
    const calls = await callsDuring(issue);
    expect(calls.map(({ status }) => status)).toEqual([401, 200]);
    expect(reread).toHaveBeenCalledTimes(1);
    await emulator.control.setSecret({ name: 'acs-connection-string', value: connectionString });
  });

  it('says that its credential is refused when no newer one is found', async () => {
    const { gateway, secrets } = start();
    const key = Buffer.alloc(64, 7).toString('base64');
    secrets.put('acs-connection-string', `endpoint=${emulator.acsUrl}/;accesskey=${key}`);
    const calls = await callsDuring(async () => {
      const failure = gateway.createIdentity(call);
      await expect(failure).rejects.toBeInstanceOf(UpstreamCredentialRefused);
    });
    expect(calls).toHaveLength(1);
  });

  it.each([
    ['cut short', 'endpoint=https://x.example;accesskey=SeCrEt!'],
    [
      'with a trailing part',
      'endpoint=https://x.example;accesskey=c2VjcmV0c2VjcmV0c2VjcmV0;x=SeCrEt',
    ],
    ['of another resource', 'endpoint=https://x.example;accesskey=c2VjcmV0c2VjcmV0c2VjcmV0'],
  ])('refuses a connection string %s without showing it', async (_which, value) => {
    const { gateway, secrets, logger } = start();
    secrets.put('acs-connection-string', value);
    const error: unknown = await gateway.createIdentity(call).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UpstreamCredentialMalformed);
    const shown = everythingIn(error) + JSON.stringify(logger.lines);
    expect(shown).not.toMatch(/SeCrEt|c2VjcmV0/);
  });

  it.each([
    ['create', 'reset', UpstreamOutcomeUnknown, 1],
    ['create', 'reply-lost', UpstreamOutcomeUnknown, 1],
    ['create', 'malformed', UpstreamOutcomeUnknown, 1],
    ['create', 'hang', UpstreamOutcomeUnknown, 1],
    ['create', 500, UpstreamOutcomeUnknown, 1],
    ['create', 503, UpstreamUnavailable, 1],
    ['create', 400, UpstreamRequestRefused, 1],
    ['issue', 'reset', UpstreamUnavailable, 2],
    ['issue', 'malformed', UpstreamUnavailable, 1],
    ['issue', 'oversized', UpstreamUnavailable, 2],
    ['issue', 'redirect', UpstreamUnavailable, 1],
    ['issue', 'hang', UpstreamUnavailable, 1],
    ['issue', 500, UpstreamUnavailable, 2],
    ['issue', 503, UpstreamUnavailable, 2],
    ['issue', 429, UpstreamThrottled, 1],
    ['issue', 403, UpstreamCredentialRefused, 1],
  ] as const)(
    'answers %s met by %s within the deadline',
    async (operation, kind, expected, count) => {
      // Only a hang lasts until the deadline; all others need time for a second call, however slow.
      const { gateway } = start({ timeoutMs: kind === 'hang' ? 1000 : 20_000 });
      const { communicationUserId } = await gateway.createIdentity(call);
      await emulator.control.addFault({
        ...{ service: 'acs', operation },
        ...(typeof kind === 'number' ? { kind: 'status', status: kind } : { kind }),
        ...(kind === 'malformed' && { body: '{"token":"hidden-token"' }),
      });
      let error: unknown;
      const calls = await callsDuring(async () => {
        const work =
          operation === 'create'
            ? gateway.createIdentity(call)
            : gateway.issueToken(call, { ...wish, communicationUserId });
        await work.catch((thrown: unknown) => (error = thrown));
      });
      expect(error).toBeInstanceOf(expected);
      expect(error instanceof UpstreamOutcomeUnknown).toBe(expected === UpstreamOutcomeUnknown);
      expect(everythingIn(error)).not.toContain('hidden-token');
      expect(calls).toHaveLength(count);
    },
  );

  it('gets a token in spite of one lost connection', async () => {
    const { gateway } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    await emulator.control.addFault({
      service: 'acs',
      operation: 'issue',
      kind: 'reset',
      count: 1,
    });
    const { token } = await gateway.issueToken(call, { ...wish, communicationUserId });
    expect(token).not.toBe('');
  });

  it('knows that a create had no effect when no connection was made', async () => {
    const { gateway, secrets } = start({ endpoint: 'https://127.0.0.1:1' });
    secrets.put('acs-connection-string', emulator.acsAccessKey);
    const error: unknown = await gateway.createIdentity(call).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UpstreamUnavailable);
    expect(error).not.toBeInstanceOf(UpstreamOutcomeUnknown);
  });

  it('passes on when ACS says to come back', async () => {
    const { gateway } = start();
    await emulator.control.addFault({
      ...{ service: 'acs', operation: 'create', kind: 'status', status: 429 },
      headers: { 'retry-after': '17' },
    });
    const failure = gateway.createIdentity(call);
    await expect(failure).rejects.toMatchObject({ retryAfterSeconds: 17, code: 'acs-throttled' });
  });

  it('takes no ACS refusal for its own when the identity belongs elsewhere', async () => {
    const { gateway } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    const body = { error: { code: 'IdentityNotOwned', message: 'not yours' } };
    await emulator.control.addFault({
      ...{ service: 'acs', operation: 'issue', kind: 'status', status: 401, body },
    });
    const failure = gateway.issueToken(call, { ...wish, communicationUserId });
    await expect(failure).rejects.toBeInstanceOf(IdentityNotOwned);
  });

  it.each([
    [
      'an identity of another resource',
      {
        identity: {
          id: '8:acs:11111111-2222-3333-4444-555555555555_11111111-2222-3333-4444-555555555555',
        },
      },
    ],
    ['no identity', {}],
    ['a number for an identity', { identity: { id: 5 } }],
  ])('believes no answer with %s', async (_what, body) => {
    const { gateway } = start();
    await emulator.control.addFault({
      ...{ service: 'acs', operation: 'create', kind: 'status', status: 201, body },
    });
    await expect(gateway.createIdentity(call)).rejects.toBeInstanceOf(UpstreamOutcomeUnknown);
  });

  it.each([
    ['an expired token', { token: 'abc', expiresOn: '2020-01-01T00:00:00.0000000+00:00' }],
    ['no token', { expiresOn: '2120-01-01T00:00:00.0000000+00:00' }],
    [
      'a token with line breaks',
      { token: 'a\r\nb', expiresOn: '2120-01-01T00:00:00.0000000+00:00' },
    ],
    ['a senseless expiry', { token: 'abc', expiresOn: 'soon' }],
  ])('hands out nothing when ACS answers with %s', async (_what, body) => {
    const { gateway } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    await emulator.control.addFault({
      ...{ service: 'acs', operation: 'issue', kind: 'status', status: 200, body },
    });
    const failure = gateway.issueToken(call, { ...wish, communicationUserId });
    await expect(failure).rejects.toBeInstanceOf(UpstreamUnavailable);
  });

  it('ends a call for a token when the caller is gone', async () => {
    const { gateway } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    await emulator.control.addFault({ service: 'acs', operation: 'issue', kind: 'hang' });
    const caller = new AbortController();
    const request = { requestId: 'gone', signal: caller.signal };
    const issue = gateway.issueToken({ ...call, request }, { ...wish, communicationUserId });
    caller.abort();
    await expect(issue).rejects.toThrow();
  });

  it('spares callers an ACS that is down, and finds out when it is back', async () => {
    const { gateway, logger } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    const issue = async (): Promise<unknown> =>
      gateway.issueToken(call, { ...wish, communicationUserId });
    await emulator.control.addFault({
      ...{ service: 'acs', operation: 'issue', kind: 'status', status: 503 },
    });
    for (let caller = 0; caller < 5; caller += 1) await issue().catch(() => undefined);
    const refused = await callsDuring(async () => {
      await expect(issue()).rejects.toMatchObject({
        code: 'acs-unavailable',
        retryAfterSeconds: 1,
      });
    });
    expect(refused).toHaveLength(0);
    await emulator.control.removeFaults();
    await vi.waitFor(issue, { timeout: 5000 });
    expect(logger.lines.map(({ message }) => message)).toContain(
      'azure communication services is back',
    );
  });

  it('sends the request id along', async () => {
    const { gateway } = start();
    const sending = vi.spyOn(UndiciHttpClient.prototype, 'sendRequest');
    await gateway.createIdentity({ ...call, request: { requestId: 'e7c1b7a2-request' } });
    const [request] = sending.mock.calls[0] ?? [];
    expect(request?.headers.get('x-ms-client-request-id')).toBe('e7c1b7a2-request');
    sending.mockRestore();
  });
});

/** Everything that a log line or a debugger could show of an error. */
function everythingIn(error: unknown): string {
  const shown: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    shown.push(String(at.stack), JSON.stringify(Object.getOwnPropertyDescriptors(at)));
  }
  return shown.join();
}
