import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { untilMinuteHas } from '../support/one-minute.js';
import { runningService } from '../support/running-service.js';
import { issue } from '../support/tokens-api.js';

const KEY = randomBytes(32).toString('hex');
const NAME = 'audit-fingerprint-key';
const ROUTE = '/v1/key-vault/events';
const NOBODY = { status: 401, origin: null, rate: null };

const service = runningService({
  replicas: 2,
  environment: {
    KEY_VAULT_EVENTS: 'key',
    // Only the event finds a new version in time.
    KEY_VAULT_REFRESH_MINUTES: '1440',
    AUTHENTICATION_FAILURES_PER_MINUTE: '5',
  },
  emulator: { secrets: { 'key-vault-events-key': KEY } },
});

interface Answer {
  readonly status: number;
  readonly answer: Record<string, unknown>;
}

async function send(
  body: unknown,
  key = KEY,
  type = 'application/json; charset=utf-8',
): Promise<Answer> {
  return post(`${service().url}${ROUTE}?key=${key}`, body, { 'content-type': type });
}

async function post(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = (await response.json()) as Record<string, unknown>;
  return { status: response.status, answer };
}

/** The handshake of CloudEvents. */
async function shakeHands(
  url: string,
  origin?: string,
): Promise<{ status: number; origin: string | null; rate: string | null }> {
  const headers = origin === undefined ? {} : { 'webhook-request-origin': origin };
  const response = await fetch(url, { method: 'OPTIONS', headers });
  return {
    status: response.status,
    origin: response.headers.get('webhook-allowed-origin'),
    rate: response.headers.get('webhook-allowed-rate'),
  };
}

/** The same event as of `newVersion`, as a CloudEvent. */
function cloudEvent(name: string, version: string): unknown {
  return {
    id: 'd9b2c2b9-0d2d-4e0c-8d4b-5f1a3f1b1a11',
    source: '/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v',
    specversion: '1.0',
    subject: name,
    type: 'Microsoft.KeyVault.SecretNewVersionCreated',
    time: '2026-11-26T10:00:00Z',
    data: { VaultName: 'v', ObjectType: 'Secret', ObjectName: name, Version: version, EXP: null },
  };
}

function newVersion(name: string, version: string): unknown {
  return [
    {
      id: 'd9b2c2b9-0d2d-4e0c-8d4b-5f1a3f1b1a11',
      topic: '/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v',
      subject: name,
      eventType: 'Microsoft.KeyVault.SecretNewVersionCreated',
      eventTime: '2026-11-26T10:00:00Z',
      data: { VaultName: 'v', ObjectType: 'Secret', ObjectName: name, Version: version, EXP: null },
      dataVersion: '1',
      metadataVersion: '1',
    },
  ];
}

async function readings(name = NAME): Promise<number> {
  const journal = await service().emulator.control.readJournal({ service: 'key-vault' });
  return journal.filter(
    ({ operation, path }) => operation === 'get-secret' && path.includes(`/${name}`),
  ).length;
}

async function versionsInUse(): Promise<(string | undefined)[]> {
  return Promise.all(
    service().apis.map(async ({ url }) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return new RegExp(`secret_version_in_use\\{secret="${NAME}",version="(\\w+)"`).exec(
        text,
      )?.[1];
    }),
  );
}

describe('/v1/key-vault/events with a key', () => {
  it('200: answers the handshake of Event Grid', async () => {
    const event = {
      id: '2d1781af-3a4c-4d7c-bd0c-e34b19da4e66',
      topic: '/subscriptions/s',
      subject: '',
      data: { validationCode: '512d38b6-c7b8-40c8-89fe-f46f9e9622b6', validationUrl: 'https://x' },
      eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent',
      eventTime: '2026-11-26T10:00:00Z',
      metadataVersion: '1',
      dataVersion: '2',
    };
    expect(await send([event])).toEqual({
      status: 200,
      answer: { validationResponse: '512d38b6-c7b8-40c8-89fe-f46f9e9622b6' },
    });
  });

  it('200: every replica uses the new version, although one got the event', async () => {
    for (const { url } of service().apis) await issue(service(), 'alice', {}, url);
    const { control } = service().emulator;
    const version = await control.setSecret({ name: NAME, value: randomBytes(32).toString('hex') });
    expect(await send(newVersion(NAME.toUpperCase(), version))).toEqual({
      status: 200,
      answer: {},
    });
    await expect.poll(versionsInUse).toEqual([version, version]);
    const before = await readings();
    for (let nth = 0; nth < 20; nth += 1) await send(newVersion(NAME, version));
    await send(newVersion('a-secret-that-nobody-uses', version));
    expect(await readings()).toBe(before);
    expect(await readings('a-secret-that-nobody-uses')).toBe(0);
  });

  it.each([
    ['one event', 'application/cloudevents+json; charset=utf-8', (event: unknown) => event],
    ['a batch', 'application/cloudevents-batch+json', (event: unknown) => [event]],
  ])('200: uses the new version of a CloudEvent, sent as %s', async (_, type, bodyOf) => {
    const { control } = service().emulator;
    const version = await control.setSecret({ name: NAME, value: randomBytes(32).toString('hex') });
    expect(await send(bodyOf(cloudEvent(NAME, version)), KEY, type)).toEqual({
      status: 200,
      answer: {},
    });
    await expect.poll(versionsInUse).toEqual([version, version]);
  });

  it('agrees to CloudEvents of Event Grid, with the key only', async () => {
    const url = `${service().url}${ROUTE}`;
    const agreed = { status: 200, origin: 'eventgrid.azure.net', rate: '*' };
    expect(await shakeHands(`${url}?key=${KEY}`, 'eventgrid.azure.net')).toEqual(agreed);
    expect(await shakeHands(`${url}?key=wrong`, 'eventgrid.azure.net')).toEqual(NOBODY);
    for (const origin of [undefined, 'eventgrid.azure.net.example.com', '*']) {
      const refused = { ...NOBODY, status: 400 };
      expect(await shakeHands(`${url}?key=${KEY}`, origin)).toEqual(refused);
    }
  });

  it('400: neither schema', async () => {
    const { status, answer } = await send([{ data: {} }]);
    expect([status, answer.errors]).toEqual([
      400,
      [{ pointer: '/0', detail: 'must have eventType or type' }],
    ]);
  });

  it('415: CloudEvents are for this route only', async () => {
    const token = await service().token('alice');
    const { status } = await post(`${service().url}/v1/me/tokens`, cloudEvent(NAME, 'ff'), {
      authorization: `Bearer ${token}`,
      'content-type': 'application/cloudevents+json',
    });
    expect(status).toBe(415);
  });

  it('415: refuses a CloudEvent that is compressed', async () => {
    const headers = { 'content-type': 'application/cloudevents+json', 'content-encoding': 'gzip' };
    const url = `${service().url}${ROUTE}?key=${KEY}`;
    expect((await post(url, cloudEvent(NAME, 'ff'), headers)).status).toBe(415);
  });

  it('200: a false version changes nothing and costs few readings', async () => {
    const [inUse] = await versionsInUse();
    const before = await readings();
    for (let nth = 0; nth < 50; nth += 1) {
      const { status } = await send(newVersion(NAME, randomBytes(16).toString('hex')));
      expect(status).toBe(200);
    }
    expect((await readings()) - before).toBeLessThan(50);
    expect(await versionsInUse()).toEqual([inUse, inUse]);
  });

  it('401, then 429, without a reading: a stranger', async () => {
    // Of a secret that no event has named yet, so that no replica is still about to read it.
    const name = 'audit-signing-key';
    const before = await readings(name);
    const wrong = randomBytes(32).toString('hex');
    await untilMinuteHas(15_000);
    const statuses: number[] = [];
    for (let nth = 0; nth < 12; nth += 1) {
      statuses.push((await send(newVersion(name, 'ff'), nth === 0 ? '' : wrong)).status);
    }
    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
    expect(await readings(name)).toBe(before);
    expect((await send(newVersion(NAME, 'ff'))).status).toBe(200);
    expect(service().logLines.join()).not.toContain(KEY);
    expect(service().logLines.join()).not.toContain(wrong);
  });
});

describe('/v1/key-vault/events with KEY_VAULT_EVENTS=entra', () => {
  const signedIn = runningService({
    environment: { KEY_VAULT_EVENTS: 'entra', KEY_VAULT_REFRESH_MINUTES: '1440' },
  });
  const url = (): string => `${signedIn().url}${ROUTE}`;

  async function eventGrid(roles: readonly string[]): Promise<Record<string, string>> {
    const token = await signedIn().emulator.control.mintToken({
      app: 'crm-service',
      // The application of Event Grid, in every tenant.
      claims: { azp: '4962773b-9cdb-44cf-a8bf-237846a00ab7', roles },
    });
    return { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  }

  it('200: uses the new version, for the app role only', async () => {
    await issue(signedIn(), 'alice');
    const { control } = signedIn().emulator;
    const version = await control.setSecret({ name: NAME, value: randomBytes(32).toString('hex') });
    const event = newVersion(NAME, version);
    const roles = ['AzureEventGridSecureWebhookSubscriber'];
    expect((await post(url(), event, { 'content-type': 'application/json' })).status).toBe(401);
    expect((await post(url(), event, await eventGrid(roles))).status).toBe(403);
    const person = { ...(await eventGrid([])) };
    person.authorization = `Bearer ${await signedIn().token('alice')}`;
    expect((await post(url(), event, person)).status).toBe(403);
    const sender = await eventGrid([...roles, 'KeyVaultEvent.Send']);
    expect((await post(url(), event, sender)).status).toBe(200);
    await expect
      .poll(async () => (await fetch(`${signedIn().url}/metrics`)).text())
      .toContain(`secret_version_in_use{secret="${NAME}",version="${version}"} 1`);
    const cloud = { ...sender, 'content-type': 'application/cloudevents+json' };
    expect((await post(url(), cloudEvent(NAME, version), cloud)).status).toBe(200);
  });

  it('agrees to CloudEvents of Event Grid without a token, and to nobody else', async () => {
    const agreed = { status: 200, origin: 'eventgrid.azure.net', rate: '*' };
    expect(await shakeHands(url(), 'eventgrid.azure.net')).toEqual(agreed);
    expect(await shakeHands(url(), 'example.com')).toEqual({ ...NOBODY, status: 400 });
  });
});
