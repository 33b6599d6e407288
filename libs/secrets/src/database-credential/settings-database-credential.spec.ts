import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { AzureCredential } from '../azure-credential/azure-credential.js';
import { MemorySecretStore } from '../testing/memory-secret-store.js';
import { SettingsDatabaseCredential } from './settings-database-credential.js';

const HOUR_MS = 3_600_000;

/** Returns the same token until it is forgotten, as the SDK does. */
class CachingCredential extends AzureCredential {
  issued = 0;
  #token: { token: string; expiresOnTimestamp: number } | undefined;

  override async getToken(): Promise<{ token: string; expiresOnTimestamp: number }> {
    this.#token ??= {
      token: `token ${(this.issued += 1)}`,
      expiresOnTimestamp: Date.now() + HOUR_MS,
    };
    return Promise.resolve(this.#token);
  }

  override forgetTokens(): void {
    this.#token = undefined;
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a token of Entra as the password of PostgreSQL', () => {
  const azure = new CachingCredential();
  const { source } = new SettingsDatabaseCredential(
    {
      auth: 'entra',
      passwordFile: undefined,
      passwordSecret: undefined,
      entraScope: 'scope',
    },
    azure,
    new MemorySecretStore(new ManualClock()),
    new MemoryLogger(),
  );

  it('is replaced at once when the server refuses it, and then at most every 30 seconds', async () => {
    expect(await source?.password()).toBe('token 1');
    expect(await source?.password()).toBe('token 1');
    // Two connections are refused with the same token.
    expect(await source?.refused?.('token 1')).toBe(true);
    expect(await source?.refused?.('token 1')).toBe(false);
    expect(await source?.password()).toBe('token 2');
    for (let second = 0; second < 29; second += 1) {
      vi.advanceTimersByTime(1000);
      await source?.refused?.('token 2');
      expect(await source?.password()).toBe('token 2');
    }
    vi.advanceTimersByTime(1000);
    await source?.refused?.('token 2');
    expect(await source?.password()).toBe('token 3');
  });
});
