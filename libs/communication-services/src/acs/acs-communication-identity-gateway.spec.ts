import { MemorySecretStore } from '#libs/secrets/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  canonicalGuid,
  type Clock,
  explain,
  OutboundHttp,
  readSettings,
  ServiceError,
  SystemClock,
} from '#libs/platform';
import { MemoryLogger, newGuid } from '#libs/platform/testing';
import {
  SdkAzureCredential,
  azureCredentialSettings,
  type AzureCredentialSettings,
} from '#libs/secrets';
import {
  type Emulator,
  type FaultRequest,
  type JournalEntry,
  SAMPLE_APPS,
  SAMPLE_PEOPLE,
  startEmulator,
} from '../../../../apps/emulator/src/index.js';
import type { Permit, RequestBudget } from '#libs/request-budget';
import { UnboundedRequestBudget } from '#libs/request-budget/testing';
import type {
  ClientExchange,
  GatewayCall,
  UpstreamEvidence,
} from '../communication-identity-gateway.js';
import {
  IdentityMissing,
  IdentityNotOwned,
  TeamsPhoneAssignmentRefused,
  UpstreamCredentialMalformed,
  UpstreamCredentialRefused,
  UpstreamOutcomeUnknown,
  UpstreamRequestRefused,
  UpstreamThrottled,
  UpstreamUnavailable,
} from '../errors.js';
import { CommunicationResources } from '../resources/communication-resources.js';
import {
  createWithToken,
  describeGateway,
} from '../testing/communication-identity-gateway.contract.js';
import { TEAMS_PHONE_VERSIONS, type TeamsPhoneVersion } from './acs-assignment-client.js';
import { AcsClients } from './acs-clients.js';
import { AcsCommunicationIdentityGateway } from './acs-communication-identity-gateway.js';
import { CredentialRefusals } from './credential-refusals.js';
import { GatewayMetrics } from './metrics.js';
import { UndiciHttpClient } from './undici-http-client.js';

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
  for (const gateway of started) await gateway.beforeApplicationShutdown();
  await emulator.stop();
  rmSync(directory, { recursive: true });
});

interface Started {
  readonly gateway: AcsCommunicationIdentityGateway;
  readonly secrets: MemorySecretStore;
  readonly resources: CommunicationResources;
  readonly logger: MemoryLogger;
  readonly refusals: CredentialRefusals;
}

function start(
  options: {
    timeoutMs?: number;
    isEntra?: boolean;
    endpoint?: string;
    /** Of the default resource. */
    resourceId?: string;
    budget?: RequestBudget;
    clock?: Clock;
    teamsPhoneVersion?: TeamsPhoneVersion;
  } = {},
): Started {
  const { timeoutMs = 3000, isEntra = false, endpoint, resourceId: configuredId } = options;
  const { teamsPhoneVersion = '2026-09-23' } = options;
  const { budget = new UnboundedRequestBudget(), clock = new SystemClock() } = options;
  const resources = new CommunicationResources(
    emulator.acsResources.map(({ name, url, resourceId, secretName }) => ({
      name: name === 'main' ? 'default' : name,
      endpoint: endpoint ?? url,
      immutableResourceId: (name === 'main' ? configuredId : undefined) ?? resourceId,
      ...(!isEntra && { credentialSecret: secretName }),
      tenants: [],
    })),
    'default',
  );
  const secrets = new MemorySecretStore(clock);
  for (const { secretName, connectionString } of emulator.acsResources) {
    secrets.put(secretName, connectionString);
  }
  const settings = readSettings([azureCredentialSettings], {
    AZURE_CREDENTIAL: 'environment',
    AZURE_AUTHORITY_HOST: emulator.entraUrl,
  }).get(azureCredentialSettings.key) as AzureCredentialSettings; // the key's own type
  const outbound = new OutboundHttp();
  const clients = new AcsClients(
    {
      timeoutMs,
      connections: 8,
      tokenScope: 'https://communication.azure.com//.default',
      teamsPhoneVersion,
    },
    secrets,
    new SdkAzureCredential(settings, outbound),
    outbound,
  );
  const logger = new MemoryLogger();
  const metrics = new GatewayMetrics(new Registry());
  const refusals = new CredentialRefusals(clock);
  const dependencies = { timeoutMs, connections: 8, clock, logger, metrics, refusals };
  const gateway = new AcsCommunicationIdentityGateway(resources, clients, budget, dependencies);
  started.push(gateway);
  return { gateway, secrets, resources, logger, refusals };
}

/** An Entra token of alice for an exchange of the client library. */
async function entraToken(exchange: ClientExchange) {
  const resource = exchange === 'entra' ? 'communication-clients' : 'teams';
  const { tenantId, objectId } = SAMPLE_PEOPLE.alice;
  const [tenant, user] = [tenantId, objectId].map(canonicalGuid);
  if (tenant === undefined || user === undefined) throw new Error('alice has GUIDs');
  const minted = await emulator.control.mintToken({ person: 'alice', resource });
  return { entraToken: minted, tenant, objectId: user };
}

/** The calls that reached ACS during `work`. */
async function callsDuring(work: () => Promise<unknown>): Promise<JournalEntry[]> {
  const last = (await emulator.control.readJournal({ service: 'acs' })).at(-1)?.sequence ?? 0;
  await work().catch(() => undefined);
  return emulator.control.readJournal({ service: 'acs', since: last });
}

const call: GatewayCall = { resource: 'default', request: { requestId: 'request-1' } };
const token = { scopes: ['chat'], expiresInMinutes: 60 };
const assignment = {
  tenant: newGuid(),
  objectId: newGuid(),
  principalType: 'user',
  clientIds: [],
} as const;

describeGateway('AcsCommunicationIdentityGateway', async () => {
  const { gateway, resources } = start();
  return Promise.resolve({
    gateway,
    resources,
    loseNextResponse: async (operation) => {
      const fault = { service: 'acs', operation, kind: 'reply-lost', count: 1 } as const;
      await emulator.control.addFault(fault);
    },
    identities: async () =>
      (await emulator.control.listIdentities())
        .filter(({ deletedAt }) => deletedAt === undefined)
        .map(({ id }) => id),
    isValid: async (token) => (await emulator.control.validateAcsToken(token)).valid,
    entraToken,
    teamsToken: async () => ({
      teamsUserToken: await emulator.control.mintToken({ person: 'alice', resource: 'teams' }),
      clientApp: SAMPLE_APPS['sample-web-app'].clientId,
      subject: SAMPLE_PEOPLE.alice.objectId,
    }),
  });
});

describe('AcsCommunicationIdentityGateway', () => {
  it('issues tokens that ACS accepts, with the requested scopes', async () => {
    const { gateway } = start();
    const issued = await createWithToken(gateway, call, token);
    const { communicationUserId } = issued;
    const state = await emulator.control.validateAcsToken(issued.token);
    expect(state).toMatchObject({ valid: true, communicationUserId, scopes: ['chat'] });
  });

  it('signs in with Entra when no secret is configured', async () => {
    const { gateway } = start({ isEntra: true });
    const { evidence } = await gateway.createIdentity(call);
    expect(evidence.secretVersion).toBeUndefined();
    expect(evidence.correlationVector).toEqual(expect.any(String));
  });

  it('exchanges an Entra token without a credential of its own, and repeats the call once', async () => {
    const { gateway, secrets } = start();
    vi.spyOn(secrets, 'readParsed').mockRejectedValue(new Error('the vault is down'));
    const fault = { service: 'acs', operation: 'exchangeEntra', kind: 'status', count: 1 } as const;
    await emulator.control.addFault({ ...fault, status: 500 });
    const wanted = { exchange: 'entra', version: '2025-03-02-preview' } as const;
    const exchange = { ...wanted, ...(await entraToken('entra')) };
    let evidence: UpstreamEvidence | undefined;
    const calls = await callsDuring(async () => {
      ({ evidence } = await gateway.exchangeEntraToken(call, exchange));
    });
    expect(calls.map(({ status }) => status)).toEqual([500, 200]);
    expect(evidence).toEqual({ correlationVector: expect.any(String) as string });
  });

  it('refuses a token of another user than the one who calls', async () => {
    const { gateway } = start();
    const wanted = { exchange: 'entra', version: '2025-03-02-preview' } as const;
    const exchange = { ...wanted, ...(await entraToken('entra')), objectId: newGuid() };
    const failure = gateway.exchangeEntraToken(call, exchange);
    await expect(failure).rejects.toBeInstanceOf(UpstreamUnavailable);
  });

  it('names the version of the secret that signed the call', async () => {
    const { gateway, secrets } = start();
    const version = secrets.put('acs-connection-string', emulator.acsAccessKey);
    expect((await gateway.createIdentity(call)).evidence.secretVersion).toBe(version);
  });

  it('reads the secret again once when ACS refuses the credential', async () => {
    const { gateway, secrets } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    const { connectionString = '' } = await emulator.control.regenerateAcsKey();
    const reread = vi.spyOn(secrets, 'reread').mockImplementationOnce(async (name) => {
      secrets.put(name, connectionString);
      return secrets.read(name);
    });
    const issue = async (): Promise<unknown> =>
      gateway.issueToken(call, { ...token, communicationUserId });
    const calls = await callsDuring(issue);
    expect(calls.map(({ status }) => status)).toEqual([401, 200]);
    expect(reread).toHaveBeenCalledTimes(1);
    await emulator.control.setSecret({ name: 'acs-connection-string', value: connectionString });
  });

  it('keeps the key that works when a new one is refused or malformed, and says which', async () => {
    const { gateway, secrets } = start();
    await gateway.createIdentity(call);
    const [working] = secrets.inUse();
    const wrong = Buffer.alloc(64, 7).toString('base64');
    for (const [value, reason] of [
      [`endpoint=${emulator.acsUrl}/;accesskey=${wrong}`, 'acs-credential-refused'],
      ['no key', 'UpstreamCredentialMalformed'],
    ] as const) {
      const version = secrets.put('acs-connection-string', value);
      for (let nth = 0; nth < 3; nth += 1) await gateway.createIdentity(call);
      expect(secrets.inUse()).toEqual([{ ...working, rejected: { version, reason } }]);
    }
  });

  it('reports the refused credential when there is no newer one', async () => {
    const { gateway, secrets } = start();
    const key = Buffer.alloc(64, 7).toString('base64');
    secrets.put('acs-connection-string', `endpoint=${emulator.acsUrl}/;accesskey=${key}`);
    const calls = await callsDuring(async () => {
      const failure = gateway.createIdentity(call);
      await expect(failure).rejects.toBeInstanceOf(UpstreamCredentialRefused);
    });
    expect(calls).toHaveLength(1);
  });

  it('uses a mended credential at once, also while the malformed one is cached', async () => {
    const { gateway, secrets } = start();
    secrets.put('acs-connection-string', 'no key');
    const cached = await secrets.read('acs-connection-string');
    vi.spyOn(secrets, 'read').mockResolvedValue(cached);
    const failure = gateway.createIdentity(call);
    await expect(failure).rejects.toBeInstanceOf(UpstreamCredentialMalformed);
    const newest = secrets.put('acs-connection-string', emulator.acsAccessKey);
    vi.spyOn(secrets, 'reread').mockImplementation(async (name) =>
      secrets.readVersion(name, newest),
    );
    expect((await gateway.createIdentity(call)).evidence.secretVersion).toBe(newest);
  });

  it.each<[string, (endpoint: string, key: string) => string]>([
    ['with a line break at its end', (url, key) => `endpoint=${url}/;accesskey=${key}\n`],
    ['with line breaks of Windows', (url, key) => `endpoint=${url}/;\r\naccesskey=${key}\r\n`],
    ['behind a byte order mark', (url, key) => `\ufeffendpoint=${url}/;accesskey=${key}`],
    ['with a semicolon at its end', (url, key) => `endpoint=${url}/;accesskey=${key};`],
    ['in the other order', (url, key) => `accesskey=${key};endpoint=${url}`],
    ['with names in other cases', (url, key) => `Endpoint=${url}/;AccessKey=${key}`],
    [
      'with the scheme in capitals',
      (url, key) => `endpoint=${url.replace('https', 'HTTPS')}/;accesskey=${key}`,
    ],
    ['that is the bare key', (_url, key) => key],
  ])('takes a connection string %s', async (_which, write) => {
    const { gateway, secrets } = start();
    secrets.put('acs-connection-string', write(emulator.acsUrl, emulator.acsAccessKey));
    await gateway.createIdentity(call);
  });

  it.each([
    ['in quotes', '"endpoint=https://x.example;accesskey=c2VjcmV0c2VjcmV0c2VjcmV0"'],
    ['as JSON', '{"endpoint":"https://x.example","accesskey":"c2VjcmV0c2VjcmV0c2VjcmV0"}'],
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
    ['assign', 'reply-lost', UpstreamOutcomeUnknown, 2],
    ['assign', 'malformed', UpstreamOutcomeUnknown, 1],
    ['assign', 500, UpstreamOutcomeUnknown, 2],
    ['assign', 503, UpstreamUnavailable, 2],
    ['assign', 429, UpstreamThrottled, 1],
    ['assign', 400, TeamsPhoneAssignmentRefused, 1],
    ['unassign', 'reply-lost', UpstreamOutcomeUnknown, 2],
    ['unassign', 400, UpstreamRequestRefused, 1],
  ] as const)(
    'turns a failure of %s by %s into its refusal within the deadline',
    async (operation, kind, expected, count) => {
      // Only a hang lasts until the deadline; the others need time for a retry on a slow machine.
      const { gateway } = start({ timeoutMs: kind === 'hang' ? 1000 : 20_000 });
      const { communicationUserId } = await gateway.createIdentity(call);
      await emulator.control.addFault({
        ...{ service: 'acs', operation },
        ...(typeof kind === 'number' ? { kind: 'status', status: kind } : { kind }),
        ...(kind === 'malformed' && { body: '{"token":"hidden-token"' }),
      });
      let error: unknown;
      const calls = await callsDuring(async () => {
        const work = {
          create: async () => gateway.createIdentity(call),
          issue: async () => gateway.issueToken(call, { ...token, communicationUserId }),
          assign: async () => gateway.putAssignment(call, assignment),
          unassign: async () => gateway.deleteAssignment(call, assignment),
        };
        await work[operation]().catch((thrown: unknown) => (error = thrown));
      });
      expect(error).toBeInstanceOf(expected);
      expect(error instanceof UpstreamOutcomeUnknown).toBe(expected === UpstreamOutcomeUnknown);
      expect(everythingIn(error)).not.toContain('hidden-token');
      expect(calls).toHaveLength(count);
    },
  );

  it.each([
    [503, UpstreamOutcomeUnknown],
    [429, UpstreamOutcomeUnknown],
    [400, TeamsPhoneAssignmentRefused],
  ])(
    'knows what a lost call has done only if a repeated one is not answered %i',
    async (status, expected) => {
      const { gateway } = start({ timeoutMs: 20_000 });
      for (const fault of [{ kind: 'reply-lost' }, { kind: 'status', status }] as const) {
        await emulator.control.addFault({
          service: 'acs',
          operation: 'assign',
          count: 1,
          ...fault,
        });
      }
      await expect(gateway.putAssignment(call, assignment)).rejects.toBeInstanceOf(expected);
    },
  );

  it.each(TEAMS_PHONE_VERSIONS)(
    'sends assignments as version %s of the API names them',
    async (teamsPhoneVersion) => {
      const { gateway } = start({ teamsPhoneVersion });
      const holder = { ...assignment, principalType: 'teamsResourceAccount' } as const;
      await gateway.putAssignment(call, holder);
      expect((await gateway.readAssignment(call, holder)).assignment).toEqual(holder);
    },
  );

  describe('when ACS answers to an assignment', () => {
    const clientIds = [newGuid(), newGuid()];
    const { tenant: tenantId, objectId } = assignment;
    const put = async (change: object) => {
      const stored = { tenantId, objectId, principalType: 'user', clientIds, ...change };
      await emulator.control.addFault({
        ...{ service: 'acs', operation: 'assign', kind: 'status', status: 201 },
        body: stored,
      });
      return start().gateway.putAssignment(call, { ...assignment, clientIds });
    };

    it.each([
      ['other applications', { clientIds: [newGuid()] }],
      ['an application more', { clientIds: [...clientIds, newGuid()] }],
      ['any application', { clientIds: null }],
      ['another type', { principalType: 'resourceAccount' }],
      ['another principal', { objectId: newGuid() }],
    ])('with %s, it confirms nothing', async (_what, change) => {
      await expect(put(change)).rejects.toBeInstanceOf(UpstreamOutcomeUnknown);
    });

    it('with the same in another order and spelling, it confirms it', async () => {
      const same = clientIds.map((id) => id.toUpperCase()).toReversed();
      await expect(put({ clientIds: same, principalType: 'User' })).resolves.toHaveProperty(
        'evidence',
      );
    });
  });

  it('signs in with Entra for assignments too', async () => {
    const { gateway } = start({ isEntra: true });
    const { evidence } = await gateway.putAssignment(call, assignment);
    expect(evidence.correlationVector).toEqual(expect.any(String));
  });

  describe('when something answers that is not certainly ACS about this call', () => {
    const json = { 'content-type': 'application/json' };
    const html = { 'content-type': 'text/html' };
    const unmarked = { 'ms-cv': '', 'x-ms-client-request-id': '' };
    const other = '8:acs:11111111-2222-3333-4444-555555555555_00000000-0000-0000-0000-000000000000';
    const missing = { code: 'NotFound', message: 'Provided identity was not found.' };
    const answers: readonly (readonly [
      string,
      Omit<FaultRequest, 'service' | 'operation' | 'kind'>,
    ])[] = [
      ['a web page', { body: '<html>Sign in</html>', headers: html }],
      ['a web page without headers of ACS', { body: '<html>', headers: { ...html, ...unmarked } }],
      ['a web page that says it is JSON', { body: '<html>', headers: json }],
      ['nothing', { body: '' }],
      ['nothing, without headers of ACS', { body: '', headers: unmarked }],
      ['truncated JSON', { body: '{"error":{"code":"NotF', headers: json }],
      ['a list', { body: [missing] }],
      ['JSON of another shape', { body: { ...missing, status: 404 } }],
      ['a code that is a number', { body: { error: { ...missing, code: 404 } } }],
      ['an unknown path', { body: { error: { code: 'NotFound', message: 'No such path.' } } }],
      ['another code', { body: { error: { ...missing, code: 'ResourceNotFound' } } }],
      [
        'a missing identity that is another one',
        { body: { error: { ...missing, message: `The identity ${other} was not found.` } } },
      ],
      [
        'a missing identity without headers of ACS',
        { body: { error: missing }, headers: { ...json, ...unmarked } },
      ],
      [
        'a missing identity to another request',
        { body: { error: missing }, headers: { ...json, 'x-ms-client-request-id': 'another' } },
      ],
      [
        'an identity that is not owned, without headers of ACS',
        { body: { error: { code: 'IdentityNotOwned' } }, headers: { ...json, ...unmarked } },
      ],
    ];

    it.each(answers)(
      '(%s), no call succeeds or reports the identity as gone',
      async (_what, answer) => {
        const { gateway, logger } = start({ timeoutMs: 20_000 });
        const { communicationUserId } = await gateway.createIdentity(call);
        for (const status of [200, 201, 202, 302, 400, 401, 403, 404, 410, 500, 502]) {
          await emulator.control.removeFaults();
          const fault = { service: 'acs', operation: '*', kind: 'status' } as const;
          await emulator.control.addFault({ ...fault, status, ...answer });
          // A gateway of its own for each: the circuit breaker would reject the later calls unsent.
          const calls: Record<string, () => Promise<unknown>> = {
            revoke: async () => start().gateway.revokeTokens(call, communicationUserId),
            delete: async () => start().gateway.deleteIdentity(call, communicationUserId),
            issue: async () => start().gateway.issueToken(call, { ...token, communicationUserId }),
            create: async () => start().gateway.createIdentity(call),
            createWithToken: async () => start().gateway.createIdentityWithToken(call, token),
          };
          for (const [operation, work] of Object.entries(calls)) {
            const error: unknown = await work().catch((thrown: unknown) => thrown);
            const at = `${operation} ${status}`;
            expect(error, at).toBeInstanceOf(ServiceError);
            expect(error, at).not.toBeInstanceOf(IdentityMissing);
            expect(error, at).not.toBeInstanceOf(IdentityNotOwned);
          }
        }
        await emulator.control.removeFaults();
        expect(JSON.stringify(logger.lines)).not.toContain('Sign in');
        await gateway.issueToken(call, { ...token, communicationUserId });
      },
    );

    it('(204 from a captive portal), nothing is confirmed', async () => {
      const { gateway } = start();
      const { communicationUserId } = await gateway.createIdentity(call);
      await emulator.control.addFault({
        ...{ service: 'acs', operation: '*', kind: 'status', status: 204, body: '' },
        headers: unmarked,
      });
      const detail = /not Azure Communication Services/;
      await expect(gateway.revokeTokens(call, communicationUserId)).rejects.toMatchObject({
        ...{ code: 'acs-unavailable', detail: expect.stringMatching(detail) as unknown },
      });
      const deletion = gateway.deleteIdentity(call, communicationUserId);
      await expect(deletion).rejects.toBeInstanceOf(UpstreamUnavailable);
    });

    it.each([
      ['of another identity', { skypeid: other.slice(2) }, 60],
      ['that has expired, whatever the response says', { exp: 1_600_000_000 }, 60],
      ['that lives for a month', {}, 43_200],
    ])('a token %s is not released', async (_what, claims, minutes) => {
      const { gateway } = start();
      const { communicationUserId } = await gateway.createIdentity(call);
      const part = (value: object): string =>
        Buffer.from(JSON.stringify(value)).toString('base64url');
      const accessToken = {
        token: `${part({ alg: 'RS256' })}.${part({ skypeid: communicationUserId.slice(2), ...claims })}.c2ln`,
        expiresOn: new Date(Date.now() + minutes * 60_000).toISOString(),
      };
      const fault = { service: 'acs', kind: 'status', count: 1 } as const;
      await emulator.control.addFault({
        ...fault,
        operation: 'issue',
        status: 200,
        body: accessToken,
      });
      const issue = gateway.issueToken(call, { ...token, communicationUserId });
      await expect(issue).rejects.toBeInstanceOf(UpstreamUnavailable);
      await emulator.control.addFault({
        ...{ ...fault, operation: '*', status: 201 },
        body: { identity: { id: communicationUserId }, accessToken },
      });
      // The identity exists at ACS: it is not lost with its token.
      const created = await gateway.createIdentityWithToken(call, token);
      expect(created.communicationUserId).toBe(communicationUserId);
      expect('token' in created).toBe(false);
    });
  });

  it('issues a token after one lost connection', async () => {
    const { gateway } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    await emulator.control.addFault({
      service: 'acs',
      operation: 'issue',
      kind: 'reset',
      count: 1,
    });
    const issued = await gateway.issueToken(call, { ...token, communicationUserId });
    expect(issued.token).not.toBe('');
  });

  it('reports a create as without effect when no connection was made', async () => {
    const { gateway, secrets } = start({ endpoint: 'https://127.0.0.1:1' });
    secrets.put('acs-connection-string', emulator.acsAccessKey);
    const error: unknown = await gateway.createIdentity(call).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UpstreamUnavailable);
    expect(error).not.toBeInstanceOf(UpstreamOutcomeUnknown);
  });

  it('acquires another permit when the first can no longer be used, as after a pause of the process', async () => {
    const [late, good] = [0, 5000].map((usableForMs) => ({
      usableForMs: () => usableForMs,
      release: vi.fn<Permit['release']>(),
    }));
    if (!late || !good) throw new Error('no permits');
    const budget = new UnboundedRequestBudget();
    const acquiring = vi.spyOn(budget, 'acquire');
    acquiring.mockResolvedValueOnce(late).mockResolvedValueOnce(good);
    const { gateway } = start({ budget });
    const calls = await callsDuring(async () => gateway.createIdentity(call));
    expect(calls).toHaveLength(1);
    expect(late.release).toHaveBeenCalledBefore(good.release);
    expect(late.release.mock.calls).toEqual([[{ isUnused: true }]]);
  });

  it('counts no wait for a connection against the deadline of a call', async () => {
    const { gateway } = start({ timeoutMs: 1500 });
    await emulator.control.changeAcs({ latencyMs: 500 });
    onTestFinished(async () => {
      await emulator.control.changeAcs({ latencyMs: 0 });
    });
    // Five rounds over eight connections: 2.5 s in all.
    const calls = Array.from({ length: 40 }, async () => gateway.createIdentity(call));
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
  });

  it('waits for a connection only as long as the permit may be used, and returns it unused', async () => {
    const release = vi.fn<Permit['release']>();
    const budget = new UnboundedRequestBudget();
    vi.spyOn(budget, 'acquire').mockResolvedValue({ usableForMs: () => 300, release });
    const { gateway } = start({ timeoutMs: 2000, budget });
    await emulator.control.addFault({ service: 'acs', operation: 'create', kind: 'hang' });
    const held = Array.from({ length: 8 }, async () => gateway.createIdentity(call));
    const outcomes = Promise.allSettled(held);
    await expect(gateway.createIdentity(call)).rejects.toMatchObject({ code: 'budget-exhausted' });
    expect(release.mock.calls).toEqual([[{ isUnused: true }]]);
    await outcomes;
  });

  describe('when the process was stopped', () => {
    /** The machine's time, which can jump ahead. */
    class PausedClock extends SystemClock {
      pausedMs = 0;

      override monotonicNow(): number {
        return super.monotonicNow() + this.pausedMs;
      }
    }

    /** A gateway whose permits last for 5 s, and whose process stops before it sends a request. */
    function startPaused(point: 'permit' | 'socket', pausedMs: number) {
      const clock = new PausedClock();
      const budget = new UnboundedRequestBudget();
      const released: boolean[] = [];
      vi.spyOn(budget, 'acquire').mockImplementation(async () => {
        if (point === 'permit') clock.pausedMs += pausedMs;
        const usableUntil = clock.monotonicNow() + 5000;
        return Promise.resolve({
          usableForMs: () => usableUntil - clock.monotonicNow(),
          release: ({ isUnused = false } = {}) => void released.push(isUnused),
        });
      });
      const { sendRequest } = UndiciHttpClient.prototype;
      const sending = vi.spyOn(UndiciHttpClient.prototype, 'sendRequest');
      sending.mockImplementationOnce(async function (this: UndiciHttpClient, request) {
        const response = sendRequest.call(this, request);
        if (point === 'socket') clock.pausedMs += pausedMs;
        return response;
      });
      onTestFinished(() => {
        sending.mockRestore();
      });
      return { ...start({ timeoutMs: 10_000, budget, clock }), clock, released };
    }

    it('sends a call with another permit when the first is too old as its request would be written', async () => {
      const { gateway, released } = startPaused('socket', 6000);
      const calls = await callsDuring(async () => gateway.createIdentity(call));
      expect(calls.map(({ status }) => status)).toEqual([201]);
      expect(released).toEqual([true, false]);
    });

    it.each(['permit', 'socket'] as const)(
      'sends nothing for a lease that ended before the request was written (%s)',
      async (point) => {
        const { gateway, clock, released } = startPaused(point, 60_000);
        const rightEndsAt = clock.monotonicNow() + 30_000;
        let error: unknown;
        const calls = await callsDuring(async () => {
          error = await gateway
            .createIdentity({ ...call, rightEndsAt })
            .catch((thrown: unknown) => thrown);
        });
        expect(calls).toEqual([]);
        expect(error).toMatchObject({ code: 'acs-unavailable', retryAfterSeconds: 1 });
        expect(released).toEqual([true]);
      },
    );
  });

  it('gives the identity of an answer to a create that comes after the deadline', async () => {
    const { gateway } = start({ timeoutMs: 1000 });
    await gateway.createIdentity(call);
    await emulator.control.changeAcs({ latencyMs: 1400 });
    onTestFinished(async () => {
      await emulator.control.changeAcs({ latencyMs: 0 });
    });
    const error: unknown = await gateway.createIdentity(call).catch((thrown: unknown) => thrown);
    if (!(error instanceof UpstreamOutcomeUnknown)) throw error;
    const created = await error.late;
    const atAcs = await emulator.control.listIdentities();
    expect(atAcs.at(-1)?.id).toBe(created?.communicationUserId);
  });

  it.each([
    ['17', 17],
    ['86400', 300],
    ['99999999999', 300],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 300],
  ])(
    'answers 429 with Retry-After %s, and releases the permit as throttled',
    async (sent, seconds) => {
      const release = vi.fn<Permit['release']>();
      const budget = new UnboundedRequestBudget();
      vi.spyOn(budget, 'acquire').mockResolvedValue({ usableForMs: () => 5000, release });
      const { gateway } = start({ budget });
      await emulator.control.addFault({
        ...{ service: 'acs', operation: 'create', kind: 'status', status: 429 },
        headers: { 'retry-after': sent },
      });
      const failure = gateway.createIdentity(call);
      await expect(failure).rejects.toMatchObject({
        retryAfterSeconds: seconds,
        code: 'acs-throttled',
      });
      expect(release.mock.calls).toEqual([
        [{ throttled: { retryAfterSeconds: seconds }, isUnused: false }],
      ]);
    },
  );

  it('does not report its credential as refused when the identity belongs to another resource', async () => {
    const { gateway } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    const body = { error: { code: 'IdentityNotOwned', message: 'not yours' } };
    await emulator.control.addFault({
      ...{ service: 'acs', operation: 'issue', kind: 'status', status: 401, body },
    });
    const failure = gateway.issueToken(call, { ...token, communicationUserId });
    await expect(failure).rejects.toBeInstanceOf(IdentityNotOwned);
  });

  it.each([
    ['no identity', {}],
    ['a number for an identity', { identity: { id: 5 } }],
  ])('rejects a response to a create with %s', async (_what, body) => {
    const { gateway } = start();
    await emulator.control.addFault({
      ...{ service: 'acs', operation: 'create', kind: 'status', status: 201, body },
    });
    await expect(gateway.createIdentity(call)).rejects.toBeInstanceOf(UpstreamOutcomeUnknown);
  });

  it('names the resource of ACS and the configured one when they differ', async () => {
    const resourceId = '11111111-2222-4333-8444-555555555555';
    const { gateway, secrets, logger, refusals } = start({ resourceId });
    const [user, { version }] = await Promise.all([
      entraToken('entra'),
      secrets.read('acs-connection-string'),
    ]);
    const exchange = { exchange: 'entra', version: '2025-03-02-preview', ...user } as const;
    const failures = [
      async () => gateway.createIdentity(call),
      async () => gateway.createIdentityWithToken(call, token),
      async () => gateway.exchangeEntraToken(call, exchange),
    ];
    for (const fail of failures) {
      await expect(fail()).rejects.toMatchObject({ code: 'acs-resource-mismatch', status: 503 });
    }
    const logged = logger.lines.map(({ fields }) => 'error' in fields && explain(fields.error));
    expect(logged).toHaveLength(failures.length);
    for (const line of logged) {
      expect(line).toContain(emulator.acsResourceId);
      expect(line).toContain(resourceId);
      expect(line).toContain('ACS_RESOURCE_ID');
    }
    expect(refusals.of('default', version)).toBe('acs-resource-mismatch');
  });

  it.each([
    ['an expired token', { token: 'abc', expiresOn: '2020-01-01T00:00:00.0000000+00:00' }],
    ['no token', { expiresOn: '2120-01-01T00:00:00.0000000+00:00' }],
    [
      'a token with line breaks',
      { token: 'a\r\nb', expiresOn: '2120-01-01T00:00:00.0000000+00:00' },
    ],
    ['an invalid expiry', { token: 'abc', expiresOn: 'soon' }],
  ])('rejects a response to an issue with %s', async (_what, body) => {
    const { gateway } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    await emulator.control.addFault({
      ...{ service: 'acs', operation: 'issue', kind: 'status', status: 200, body },
    });
    const failure = gateway.issueToken(call, { ...token, communicationUserId });
    await expect(failure).rejects.toBeInstanceOf(UpstreamUnavailable);
  });

  it('ends a call for a token when the caller disconnects', async () => {
    const { gateway } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    await emulator.control.addFault({ service: 'acs', operation: 'issue', kind: 'hang' });
    const caller = new AbortController();
    const request = { requestId: 'gone', signal: caller.signal };
    const issue = gateway.issueToken({ ...call, request }, { ...token, communicationUserId });
    caller.abort();
    await expect(issue).rejects.toThrow();
  });

  it('rejects calls at once while ACS is down, until it is back', async () => {
    const { gateway, logger } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    const issue = async (): Promise<unknown> =>
      gateway.issueToken(call, { ...token, communicationUserId });
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

  it('issues tokens while revocations and deletions fail', async () => {
    const { gateway } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    for (const operation of ['revoke', 'delete']) {
      await emulator.control.addFault({ service: 'acs', operation, kind: 'status', status: 503 });
    }
    const revoke = async () => gateway.revokeTokens(call, communicationUserId);
    const remove = async () => gateway.deleteIdentity(call, communicationUserId);
    for (let nth = 0; nth < 5; nth += 1) {
      await Promise.allSettled([revoke(), remove()]);
    }
    const refused = await callsDuring(async () => {
      await expect(revoke()).rejects.toMatchObject({ retryAfterSeconds: 1 });
      await expect(remove()).rejects.toMatchObject({ retryAfterSeconds: 1 });
    });
    expect(refused).toHaveLength(0);
    await gateway.issueToken(call, { ...token, communicationUserId });
  });

  it('issues tokens while revocations and deletions that hang have all the connections they may have', async () => {
    const { gateway } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    for (const operation of ['revoke', 'delete']) {
      await emulator.control.addFault({ service: 'acs', operation, kind: 'hang' });
    }
    const hanging = Array.from({ length: 16 }, async (_, nth) =>
      nth % 2 === 0
        ? gateway.revokeTokens({ ...call, priority: 'bulk' }, communicationUserId)
        : gateway.deleteIdentity(call, communicationUserId),
    );
    const ended = Promise.allSettled(hanging).then(() => 'ended');
    const issued = gateway.issueToken(call, { ...token, communicationUserId });
    expect(await Promise.race([issued.then(() => 'issued'), ended])).toBe('issued');
    await emulator.control.removeFaults();
    await ended;
  });

  it('sends a revocation that a caller waits for while those of a mass revocation are paused', async () => {
    const { gateway } = start();
    const { communicationUserId } = await gateway.createIdentity(call);
    await emulator.control.addFault({
      ...{ service: 'acs', operation: 'revoke', kind: 'status', status: 503 },
    });
    const revokeInBulk = async () =>
      gateway.revokeTokens({ ...call, priority: 'bulk' }, communicationUserId);
    for (let nth = 0; nth < 5; nth += 1) await revokeInBulk().catch(() => undefined);
    await expect(revokeInBulk()).rejects.toMatchObject({ cause: { message: 'circuit open' } });
    await emulator.control.removeFaults();
    await gateway.revokeTokens(call, communicationUserId);
  });

  it('sends the request id to ACS', async () => {
    const { gateway } = start();
    const sending = vi.spyOn(UndiciHttpClient.prototype, 'sendRequest');
    await gateway.createIdentity({ ...call, request: { requestId: 'e7c1b7a2-request' } });
    const [request] = sending.mock.calls[0] ?? [];
    expect(request?.headers.get('x-ms-client-request-id')).toBe('e7c1b7a2-request');
    sending.mockRestore();
  });
});

/** Everything that a log line or a debugger could contain of an error. */
function everythingIn(error: unknown): string {
  const shown: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    shown.push(String(at.stack), JSON.stringify(Object.getOwnPropertyDescriptors(at)));
  }
  return shown.join();
}
