import { expect, it } from 'vitest';
import { OutboundHttp } from '#libs/platform';
import { ManualClock } from '#libs/platform/testing';
import { AzureCredential } from '#libs/secrets';
import { MemorySecretStore } from '#libs/secrets/testing';
import { AcsClients } from './acs-clients.js';

it('AcsClients asks for tokens of the cloud that the settings name', async () => {
  const scopes: unknown[] = [];
  class RefusingCredential extends AzureCredential {
    override async getToken(scope: string | string[]): Promise<null> {
      scopes.push(scope);
      return Promise.reject(new Error('refused'));
    }
  }
  const tokenScope = 'https://communication.azure.us//.default';
  const clients = new AcsClients(
    { connections: 1, timeoutMs: 1_000, tokenScope, teamsPhoneVersion: '2026-09-23' },
    new MemorySecretStore(new ManualClock()),
    new RefusingCredential(),
    new OutboundHttp(),
  );
  const { client } = await clients.of({
    name: 'default',
    endpoint: 'https://contoso.communication.azure.us',
    immutableResourceId: '00000001-aaaa-4bbb-8ccc-000000000001',
    tenants: [],
  });
  await expect(client.createUser()).rejects.toThrow();
  expect(scopes).toEqual([tokenScope]);
  await clients.close();
});
