import { AzureCommunicationTokenCredential } from '@azure/communication-common';
import { describe, expect, it } from 'vitest';
import { runningService } from '../support/running-service.js';
import { issue } from '../support/tokens-api.js';

const service = runningService();

describe('AzureCommunicationTokenCredential of @azure/communication-common', () => {
  it('refreshes its token from the api, once for concurrent requests', async () => {
    let refreshes = 0;
    const tokenRefresher = async (): Promise<string> => {
      refreshes += 1;
      return (await issue(service(), 'alice')).token;
    };
    const credential = new AzureCommunicationTokenCredential({
      tokenRefresher,
      refreshProactively: true,
    });
    try {
      const got = await Promise.all([1, 2, 3].map(async () => credential.getToken()));
      expect(new Set(got.map(({ token }) => token)).size).toBe(1);
      const [first] = got;
      if (!first) expect.unreachable();
      expect(await service().emulator.control.validateAcsToken(first.token)).toMatchObject({
        valid: true,
      });
      expect(first.expiresOnTimestamp).toBeGreaterThan(Date.now() + 55 * 60_000);
      // A token far from its expiry is not refreshed.
      await credential.getToken();
      expect(refreshes).toBe(1);
    } finally {
      credential.dispose();
    }
  });

  it('refreshes once, not again and again, where the clock of the client is 55 minutes fast', async () => {
    let refreshes = 0;
    const credential = new AzureCommunicationTokenCredential({
      refreshProactively: true,
      tokenRefresher: async () => {
        refreshes += 1;
        // To such a clock, a token of an hour expires in five minutes.
        return withExpiry((await issue(service(), 'carol')).token, Date.now() / 1_000 + 5 * 60);
      },
    });
    try {
      for (let n = 0; n < 10; n += 1) await credential.getToken();
      expect(refreshes).toBe(1);
    } finally {
      credential.dispose();
    }
  });

  it('refreshes a token shortly before it expires, without a request for it', async () => {
    const { token } = await issue(service(), 'bob');
    let refreshes = 0;
    const credential = new AzureCommunicationTokenCredential({
      // The client reads `exp` and does not check the signature.
      token: withExpiry(token, Date.now() / 1_000 + 4),
      refreshProactively: true,
      tokenRefresher: async () => {
        refreshes += 1;
        return (await issue(service(), 'bob')).token;
      },
    });
    try {
      await expect.poll(() => refreshes).toBe(1);
      await expect
        .poll(async () => (await credential.getToken()).expiresOnTimestamp)
        .toBeGreaterThan(Date.now() + 55 * 60_000);
    } finally {
      credential.dispose();
    }
  });
});

function withExpiry(token: string, expiresAt: number): string {
  const [header, payload, signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as object;
  const changed = { ...claims, exp: Math.floor(expiresAt) };
  return [header, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
}
