import { AzureCommunicationTokenCredential } from '@azure/communication-common';
import { describe, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';

const service = runningService();

describe('AzureCommunicationTokenCredential of @azure/communication-common', () => {
  it('gets its tokens from the api, ahead of their end, with one call for all who wait', async () => {
    let refreshes = 0;
    const tokenRefresher = async (): Promise<string> => {
      refreshes += 1;
      const token = await service().token('alice');
      const answer = await call(service().url, 'post', '/v1/me/tokens', { token, body: {} });
      return answer.body.token as string;
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
      // A token far from its end is kept: nothing polls.
      await credential.getToken();
      expect(refreshes).toBe(1);
    } finally {
      credential.dispose();
    }
  });

  it('replaces a token that is about to end by itself', async () => {
    const aging = await service().emulator.control.mintToken({ person: 'bob' });
    const { body } = await call(service().url, 'post', '/v1/me/tokens', { token: aging, body: {} });
    let refreshes = 0;
    const credential = new AzureCommunicationTokenCredential({
      // It looks as if it ended in seconds; the client reads `exp` and nothing else.
      token: withExpiry(body.token as string, Date.now() / 1_000 + 4),
      refreshProactively: true,
      tokenRefresher: async () => {
        refreshes += 1;
        const token = await service().token('bob');
        const answer = await call(service().url, 'post', '/v1/me/tokens', { token, body: {} });
        return answer.body.token as string;
      },
    });
    try {
      await expect.poll(() => refreshes, { timeout: 30_000 }).toBe(1);
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
