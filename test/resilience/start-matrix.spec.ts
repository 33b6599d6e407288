import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FaultRequest } from '../../apps/emulator/src/index.js';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';
import { newPerson, requestToken } from '../support/tokens-api.js';

const OTHER_ISSUER = 'https://127.0.0.1:1/other';

const service = runningService({
  environment: {
    KEY_VAULT_TIMEOUT_MS: '1500',
    KEY_VAULT_REREAD_COOLDOWN_SECONDS: '1',
    AUTHENTICATION_METADATA_TIMEOUT_MS: '1500',
    AUTHENTICATION_KEYS_COOLDOWN_SECONDS: '1',
  },
});

interface Readiness {
  readonly status: number;
  readonly parts: Record<string, string>;
}

async function readinessOf(url: string): Promise<Readiness> {
  const { status, body } = await call(url, 'get', '/health/ready');
  return { status, parts: (body as Readiness).parts };
}

async function addApi(environment: Record<string, string> = {}): Promise<string> {
  const api = await service().addApi(environment);
  onTestFinished(async () => api.stop());
  return api.url;
}

async function addFault(fault: FaultRequest): Promise<void> {
  const { control } = service().emulator;
  await control.addFault(fault);
  onTestFinished(async () => control.removeFaults());
}

/** The reasons that the log gives for a part; nothing else shows them. */
function loggedReasons(part: string): string[] {
  return service()
    .logLines.filter((line) => line.includes(`"part":"${part}"`))
    .map((line) => (JSON.parse(line) as { reason?: string }).reason ?? 'ready again');
}

async function firstCall(url: string) {
  return requestToken(service(), await newPerson(service()), {}, url);
}

describe('a process that starts while', () => {
  it.each<[string, FaultRequest, Record<string, string>, string, RegExp, RegExp]>([
    [
      'Key Vault is down: not ready, the secrets are vital',
      { service: 'key-vault', operation: '*', kind: 'status', status: 500 },
      { secrets: 'not ready', audit: 'not ready', 'token fingerprints': 'not ready' },
      'secrets',
      /secrets-unavailable/,
      /:(secret[a-z-]+|audit-unavailable)$/,
    ],
    [
      'Key Vault refuses it: not ready',
      { service: 'key-vault', operation: '*', kind: 'status', status: 403 },
      { secrets: 'not ready' },
      'secrets',
      /secret-access-refused acs-connection-string/,
      /:(secret[a-z-]+|audit-unavailable)$/,
    ],
    [
      'Entra, its only issuer, is down: not ready',
      { service: 'entra', operation: 'metadata', kind: 'status', status: 503 },
      { 'identity provider': 'not ready' },
      'identity provider',
      /no signing keys of https:/,
      /:identity-provider-unavailable$/,
    ],
  ])('%s; ready without a restart afterwards', async (_what, fault, parts, part, reason, type) => {
    await addFault(fault);
    const url = await addApi();
    await expect.poll(async () => readinessOf(url)).toMatchObject({ status: 503, parts });
    await expect.poll(() => loggedReasons(part).at(-1)).toMatch(reason);
    const answer = await firstCall(url);
    expect(answer.status).toBe(503);
    expect(answer.body.type).toMatch(type);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    await service().emulator.control.removeFaults();
    await expect.poll(async () => (await firstCall(url)).status).toBe(200);
    await expect.poll(async () => (await readinessOf(url)).status).toBe(200);
  });

  it('ACS is down: ready, because waiting for it helps nobody; its calls are refused with 503', async () => {
    await addFault({ service: 'acs', operation: '*', kind: 'status', status: 503 });
    const url = await addApi();
    await expect.poll(async () => (await readinessOf(url)).status).toBe(200);
    const answer = await firstCall(url);
    expect(answer.status).toBe(503);
    expect(answer.body.type).toMatch(/:acs-unavailable$/);
  });

  it('the database refuses the connection: not ready, for exactly that reason', async () => {
    const address = new URL(service().database.serviceUrl);
    address.port = '1';
    const url = await addApi({ DATABASE_URL: address.href });
    const parts = { database: 'not ready', schema: 'not ready', audit: 'not ready' };
    const reason = /refuses the connection \(ECONNREFUSED\)/;
    await expect.poll(async () => readinessOf(url)).toMatchObject({ status: 503, parts });
    await expect.poll(() => loggedReasons('database').at(-1)).toMatch(reason);
    await expect.poll(() => loggedReasons('schema').at(-1)).toMatch(reason);
    const answer = await firstCall(url);
    expect(answer.status).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect((await call(url, 'get', '/health/live')).status).toBe(200);
  });

  it('its ACS secret is missing, then disabled, then not valid yet: 503 for that reason, then 200', async () => {
    const { control, acsResources } = service().emulator;
    const name = `secret-${randomUUID()}`;
    const value = acsResources[0]?.connectionString ?? '';
    const url = await addApi({ ACS_CREDENTIAL_SECRET: name });
    const problemOf = async () => (await firstCall(url)).body as { type: string; status: number };
    await expect.poll(problemOf).toMatchObject({
      type: 'urn:acs-identity:problem:secret-missing',
      status: 503,
    });
    await control.setSecret({ name, value, enabled: false });
    /** Until the vault has been read again, and this is what it had. */
    const expectUnusable = async (): Promise<void> => {
      const reads = async () =>
        (await control.readJournal({ service: 'key-vault', operation: 'get-secret' })).filter(
          ({ path }) => path.includes(name),
        ).length;
      const before = await reads();
      const unusable = { type: 'urn:acs-identity:problem:secret-unusable', status: 503 };
      await expect
        .poll(async () => ({ problem: await problemOf(), isRead: (await reads()) > before + 1 }))
        .toMatchObject({ problem: unusable, isRead: true });
    };
    await control.setSecret({ name, value, enabled: false });
    await expectUnusable();
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    await control.setSecret({ name, value, notBefore: tomorrow });
    await expectUnusable();
    await control.setSecret({ name, value });
    await expect.poll(async () => (await firstCall(url)).status).toBe(200);
  });

  it('one of two trusted issuers is down: serves the other, and refuses that issuer’s tokens with 503', async () => {
    const issuers = [{ issuer: OTHER_ISSUER, audiences: ['api'], tenant: 'partner' }];
    const url = await addApi({ TRUSTED_ISSUERS: JSON.stringify(issuers) });
    await expect
      .poll(async () => readinessOf(url))
      .toMatchObject({ status: 200, parts: { 'identity provider': 'degraded' } });
    await expect.poll(() => loggedReasons('identity provider').at(-1)).toContain(OTHER_ISSUER);
    expect((await firstCall(url)).status).toBe(200);
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: OTHER_ISSUER, aud: 'api', sub: 'x', azp: 'y', tid: null, ver: null };
    const token = await service().emulator.control.mintToken({
      person: 'alice',
      claims: { ...claims, iat: now, nbf: now, exp: now + 600, scp: 'CommunicationToken.Issue' },
    });
    const answer = await call(url, 'post', '/v1/me/tokens', { token, body: {} });
    expect(answer.status).toBe(503);
    expect(answer.body.type).toMatch(/:identity-provider-unavailable$/);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(
      /authentication_issuer_keys_usable\{issuer="https:\/\/127\.0\.0\.1:1[^"]*"\} 0/,
    );
    expect(metrics).toContain('readiness_part_degraded{part="identity provider"} 1');
  });

  it('one of two ACS resources has no credential: serves the other', async () => {
    const { acsUrl: endpoint, acsResourceId: resourceId } = service().emulator;
    const resources = [
      {
        name: 'main',
        endpoint,
        resourceId,
        credentialSecret: 'acs-connection-string',
        default: true,
      },
      {
        name: 'other',
        endpoint: 'https://127.0.0.1:1',
        resourceId: '00000001-aaaa-4bbb-8ccc-00000000000f',
        credentialSecret: 'no-such-secret',
        tenants: [service().emulator.secondTenantId],
      },
    ];
    const file = join(tmpdir(), `acs-identity-resources-${randomUUID()}.json`);
    await writeFile(file, JSON.stringify(resources));
    onTestFinished(async () => rm(file));
    const url = await addApi({
      ...{ ACS_ENDPOINT: '', ACS_RESOURCE_ID: '', ACS_CREDENTIAL_SECRET: '' },
      ACS_RESOURCES_FILE: file,
    });
    await expect
      .poll(async () => readinessOf(url))
      .toMatchObject({ status: 200, parts: { secrets: 'degraded' } });
    await expect
      .poll(() => loggedReasons('secrets').at(-1))
      .toContain('resource other: secret-missing no-such-secret');
    expect((await firstCall(url)).status).toBe(200);
  });
});

describe('a process whose ACS credential is refused', () => {
  it('is not ready while it answers 503, and ready again with a new credential', async () => {
    const { url } = service();
    await expect.poll(async () => (await firstCall(url)).status).toBe(200);
    const { control } = service().emulator;
    const { connectionString } = await control.regenerateAcsKey();
    if (connectionString === undefined) throw new Error('no connection string');
    service().scanner.forbid(connectionString);
    const refused = await firstCall(url);
    expect(refused.body.type).toMatch(/:acs-credential-refused$/);
    expect(await readinessOf(url)).toMatchObject({ status: 503, parts: { secrets: 'not ready' } });
    await expect.poll(() => loggedReasons('secrets').at(-1)).toContain('acs-credential-refused');
    await control.setSecret({ name: 'acs-connection-string', value: connectionString });
    await expect.poll(async () => (await firstCall(url)).status).toBe(200);
    expect(await readinessOf(url)).toMatchObject({ status: 200, parts: { secrets: 'ready' } });
  });
});

describe('a process that finds a new version of a secret which does not work', () => {
  it('stays in use with the version before, and is degraded until a good one comes', async () => {
    const { control, acsResources } = service().emulator;
    const value = acsResources[0]?.connectionString ?? '';
    const [name, key] = [`secret-${randomUUID()}`, randomUUID()];
    await control.setSecret({ name, value });
    await control.setSecret({ name: 'key-vault-events-key', value: key });
    const url = await addApi({ ACS_CREDENTIAL_SECRET: name, KEY_VAULT_EVENTS: 'key' });
    const store = async (text: string): Promise<void> => {
      const version = await control.setSecret({ name, value: text });
      const eventType = 'Microsoft.KeyVault.SecretNewVersionCreated';
      const answer = await fetch(`${url}/v1/key-vault/events?key=${key}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify([{ eventType, data: { ObjectName: name, Version: version } }]),
      });
      expect(answer.status).toBe(200);
    };
    await expect.poll(async () => (await firstCall(url)).status).toBe(200);
    await store('no connection string');
    await expect
      .poll(async () => readinessOf(url))
      .toMatchObject({ status: 200, parts: { 'secret versions': 'degraded' } });
    await expect.poll(() => loggedReasons('secret versions').join()).toContain(`${name}: version`);
    expect((await firstCall(url)).status).toBe(200);
    await store(value);
    await expect
      .poll(async () => readinessOf(url))
      .toMatchObject({ status: 200, parts: { 'secret versions': 'ready' } });
  });
});

describe('a process whose log can not be written', () => {
  it('is not ready, for exactly that reason, and ready again afterwards', async () => {
    await service().rows(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
    await service().rows(
      'CREATE TRIGGER full_disk BEFORE INSERT ON audit_head EXECUTE FUNCTION full_disk()',
    );
    expect((await firstCall(service().url)).status).toBe(503);
    expect(await readinessOf(service().url)).toMatchObject({
      status: 503,
      parts: { audit: 'not ready' },
    });
    await expect.poll(() => loggedReasons('audit').at(-1)).toContain('its disk is full (53100)');
    await service().rows('DROP TRIGGER full_disk ON audit_head');
    await expect.poll(async () => (await firstCall(service().url)).status).toBe(200);
    await expect.poll(async () => (await readinessOf(service().url)).status).toBe(200);
  });
});
