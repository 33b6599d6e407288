import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runningService } from '../support/running-service.js';
import { issue } from '../support/tokens-api.js';

const KEY = randomBytes(32).toString('hex');
const NAME = 'audit-fingerprint-key';

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

async function send(
  body: unknown,
  key = KEY,
): Promise<{ status: number; answer: Record<string, unknown> }> {
  const response = await fetch(`${service().url}/v1/key-vault/events?key=${key}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  return { status: response.status, answer };
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

describe('POST /v1/key-vault/events', () => {
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
