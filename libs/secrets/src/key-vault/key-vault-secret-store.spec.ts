import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { explain, OutboundHttp, readSettings, SystemClock } from '#libs/platform';
import { ConnectProxy, ManualClock, MemoryLogger } from '#libs/platform/testing';
import { type Emulator, SAMPLE_APPS, startEmulator } from '../../../../apps/emulator/src/index.js';
import { SdkAzureCredential } from '../azure-credential/azure-credential.js';
import {
  azureCredentialSettings,
  type AzureCredentialSettings,
} from '../azure-credential/settings.js';
import {
  SecretAccessRefused,
  SecretNotFound,
  SecretUnavailable,
  SecretUnusable,
} from '../errors.js';
import { type SecretAccess, SecretAccessEvents } from '../secret-access-events.js';
import { describeSecretStore } from '../testing/secret-store.contract.js';
import { Secret } from '../secret.js';
import { KeyVaultReader } from './key-vault-reader.js';
import { KeyVaultSecretStore } from './key-vault-secret-store.js';
import { keyVaultSettings, type KeyVaultSettings } from './settings.js';

/** Vitest's matchers have the type `any`, which lint rejects. */
function stringContaining(text: string): unknown {
  return expect.stringContaining(text);
}

const directory = mkdtempSync(join(tmpdir(), 'secrets-spec-'));
const standardCertificates = tls.getCACertificates('default');
let emulator: Emulator;

beforeAll(async () => {
  emulator = await startEmulator({ directory });
  tls.setDefaultCACertificates([...standardCertificates, emulator.caPem]);
  const { clientId, clientSecret } = SAMPLE_APPS['identity-service'];
  vi.stubEnv('AZURE_TENANT_ID', emulator.tenantId);
  vi.stubEnv('AZURE_CLIENT_ID', clientId);
  vi.stubEnv('AZURE_CLIENT_SECRET', clientSecret);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  tls.setDefaultCACertificates(standardCertificates);
  await emulator.stop();
  rmSync(directory, { recursive: true });
});

function settings(more: Record<string, string> = {}): KeyVaultSettings & AzureCredentialSettings {
  const environment = {
    KEY_VAULT_URL: emulator.keyVaultUrl,
    KEY_VAULT_VERIFY_CHALLENGE_RESOURCE: 'false',
    AZURE_CREDENTIAL: 'environment',
    AZURE_AUTHORITY_HOST: emulator.entraUrl,
    ...more,
  };
  const values = readSettings([keyVaultSettings, azureCredentialSettings], environment);
  return {
    ...(values.get(keyVaultSettings.key) as KeyVaultSettings), // read by its own schema
    ...(values.get(azureCredentialSettings.key) as AzureCredentialSettings), // read by its own schema
  };
}

function reader(more?: Record<string, string>, outbound = new OutboundHttp()): KeyVaultReader {
  const read = settings(more);
  const credential = new SdkAzureCredential(read, outbound);
  return new KeyVaultReader(read, credential, outbound, new SystemClock(), new Registry());
}

describeSecretStore('KeyVaultSecretStore', async () => {
  const timing = { ...settings(), rereadCooldownMs: 0 };
  const store = new KeyVaultSecretStore(
    reader(),
    timing,
    new SystemClock(),
    new MemoryLogger(),
    new SecretAccessEvents(),
  );
  const fail = async (status: number): Promise<void> => {
    const body = { error: { code: 'Broken', message: 'no' } };
    await emulator.control.addFault({
      ...{ service: 'key-vault', operation: '*', kind: 'status', status, body },
    });
  };
  return Promise.resolve({
    store,
    put: async (name, value, { expiresAt, isEnabled } = {}) =>
      emulator.control.setSecret({
        name,
        value,
        ...(expiresAt && { expiresAt: expiresAt.toISOString() }),
        ...(isEnabled !== undefined && { enabled: isEnabled }),
      }),
    breakDown: async () => fail(503),
    refuseAccess: async () => fail(403),
    recover: async () => emulator.control.removeFaults(),
  });
});

describe('reading from Key Vault', () => {
  const requestCount = async (): Promise<number> =>
    (await emulator.control.readJournal({ service: 'key-vault', operation: 'get-secret' })).length;

  it.each(['reset', 'hang', 'malformed', 'oversized', 'redirect'] as const)(
    'throws SecretUnavailable within the deadline, without the value, when the vault answers: %s',
    async (kind) => {
      const name = `broken-${kind}`;
      await emulator.control.setSecret({ name, value: 'hidden-value' });
      const vault = reader({ KEY_VAULT_TIMEOUT_MS: '500' });
      await emulator.control.addFault({
        ...{ service: 'key-vault', operation: '*', kind },
        ...(kind === 'malformed' && { body: '{"value":"hidden-value"' }),
        ...(kind === 'redirect' && { location: `${emulator.controlUrl}/redirected` }),
      });
      try {
        const error: unknown = await vault
          .get(name, undefined, 500)
          .catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(SecretUnavailable);
        expect(everythingIn(error)).not.toContain('hidden-value');
      } finally {
        await emulator.control.removeFaults();
      }
    },
  );

  const own = { code: 'SecretNotFound', message: 'A secret with (name/id) NAME was not found.' };
  const disabled = { code: 'Forbidden', message: 'no', innererror: { code: 'SecretDisabled' } };
  const html = { headers: { 'content-type': 'text/html' }, body: '<html>Sign in</html>' };
  const json = { 'content-type': 'application/json' };
  const unmarked = {
    ...json,
    ...{ 'x-ms-keyvault-service-version': '', 'x-ms-keyvault-region': '', 'x-ms-request-id': '' },
  };
  it.each([
    ['a web page', html],
    ['a web page that says it is JSON', { ...html, headers: json }],
    ['nothing', { body: '' }],
    ['truncated JSON', { headers: json, body: '{"error":{"code":"SecretNotFound"' }],
    ['JSON of another shape', { body: { code: 'SecretNotFound', statusCode: 404 } }],
    ['JSON with another code', { body: { error: { ...own, code: 'NotFound' } } }],
    ['an error without the headers of the vault', { headers: unmarked, body: { error: own } }],
    ['a disabled secret without the headers', { headers: unmarked, body: { error: disabled } }],
    [
      'the right code for another secret',
      { body: { error: { ...own, message: 'A secret with (name/id) other was not found.' } } },
    ],
  ])('keeps a cached secret when something answers with %s', async (_what, answer) => {
    const name = `kept-${String(performance.now()).replace('.', '-')}`;
    await emulator.control.setSecret({ name, value: 'good' });
    const store = new KeyVaultSecretStore(
      reader(),
      { ...settings(), rereadCooldownMs: 0 },
      new SystemClock(),
      new MemoryLogger(),
      new SecretAccessEvents(),
    );
    await store.read(name);
    try {
      for (const status of [200, 301, 400, 401, 403, 404, 410, 500]) {
        await emulator.control.removeFaults();
        const fault = { service: 'key-vault', operation: 'get-secret', kind: 'status' } as const;
        await emulator.control.addFault({ ...fault, status, ...answer });
        const error: unknown = await store.reread(name).catch((thrown: unknown) => thrown);
        expect(error, String(status)).toBeInstanceOf(Error);
        expect(error, String(status)).not.toBeInstanceOf(SecretNotFound);
        expect((await store.read(name)).value, String(status)).toBe('good');
      }
    } finally {
      await emulator.control.removeFaults();
    }
  });

  it("drops a cached secret on Key Vault's own answer that it is missing", async () => {
    const error: unknown = await reader()
      .get('never-there', undefined, 3000)
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SecretNotFound);
  });

  it('repeats the request while the vault throttles', async () => {
    const version = await emulator.control.setSecret({ name: 'busy', value: 'value' });
    await emulator.control.addFault({
      ...{ service: 'key-vault', operation: 'get-secret', kind: 'status', status: 429, count: 1 },
    });
    expect(await reader().get('busy', undefined, 3000)).toMatchObject({ version });
  });

  it('does not wait beyond the deadline while the vault throttles', async () => {
    await emulator.control.addFault({
      ...{ service: 'key-vault', operation: 'get-secret', kind: 'status', status: 429 },
    });
    const before = await requestCount();
    await expect(reader().get('busy', undefined, 900)).rejects.toBeInstanceOf(SecretUnavailable);
    expect((await requestCount()) - before).toBe(1);
    await emulator.control.removeFaults();
  });

  it('throws SecretUnavailable when Entra issues no token to this process', async () => {
    await emulator.control.addFault({
      ...{ service: 'entra', operation: '*', kind: 'status', status: 503 },
    });
    const failure = reader({ KEY_VAULT_TIMEOUT_MS: '500' }).get('busy', undefined, 500);
    await expect(failure).rejects.toBeInstanceOf(SecretUnavailable);
    await emulator.control.removeFaults();
  });

  it.each([
    ['the vault', { KEY_VAULT_URL: 'https://127.0.0.1:1' }],
    ['Entra', { AZURE_AUTHORITY_HOST: 'https://127.0.0.1:1' }],
  ])('names the host and the remedy when %s can not be reached', async (_what, more) => {
    const error: unknown = await reader(more)
      .get('a-secret', undefined, 10_000)
      .catch((thrown: unknown) => thrown);
    expect(explain(error)).toContain(
      '127.0.0.1:1 gave no answer (ECONNREFUSED): check its address, the network and the firewall',
    );
  });

  it('names the vault when it answers with an error, and when it is late', async () => {
    const { host } = new URL(emulator.keyVaultUrl);
    const failureBy = async (kind: 'status' | 'hang'): Promise<string> => {
      const status = kind === 'status' && { status: 503 };
      await emulator.control.addFault({ service: 'key-vault', operation: '*', kind, ...status });
      try {
        return explain(
          await reader({ KEY_VAULT_TIMEOUT_MS: '500' })
            .get('a-secret', undefined, 500)
            .catch((thrown: unknown) => thrown),
        );
      } finally {
        await emulator.control.removeFaults();
      }
    };
    expect(await failureBy('status')).toMatch(new RegExp(`${host}: RestError.* 503`));
    expect(await failureBy('hang')).toContain(`${host} gave no answer in time`);
  });

  it('names the proxy that gives no way to Entra', async () => {
    const proxy = await ConnectProxy.start();
    onTestFinished(async () => proxy.stop());
    const target = new URL(emulator.entraUrl).host;
    proxy.faultFor = (to) => (to === target ? 407 : undefined);
    const outbound = new OutboundHttp({ proxy: proxy.url, noProxy: [] });
    onTestFinished(async () => outbound.onApplicationShutdown());
    await expect(reader({}, outbound).get('a-secret', undefined, 10_000)).rejects.toMatchObject({
      code: 'secrets-unavailable',
      cause: {
        message: stringContaining(`the proxy ${proxy.origin} answered 407 for ${target}`),
      },
    });
    expect(new Set(proxy.targets)).toEqual(new Set([new URL(emulator.keyVaultUrl).host, target]));
  });

  it('sends no request for a malformed name', async () => {
    await expect(reader().get('../keys/x', undefined, 500)).rejects.toBeInstanceOf(SecretNotFound);
  });

  it('signs in as the managed identity', async () => {
    vi.stubEnv('IDENTITY_ENDPOINT', emulator.managedIdentityUrl);
    vi.stubEnv('IDENTITY_HEADER', emulator.managedIdentityHeader);
    const version = await emulator.control.setSecret({ name: 'managed', value: 'value' });
    const vault = reader({ AZURE_CREDENTIAL: 'managed-identity' });
    expect(await vault.get('managed', undefined, 3000)).toMatchObject({ version });
  });
});

describe('KeyVaultSecretStore', () => {
  const timing = {
    timeoutMs: 1000,
    refreshMs: 600_000,
    outageMs: 3_600_000,
    rereadCooldownMs: 30_000,
  };

  function start(own = timing): {
    clock: ManualClock;
    vault: { get: ReturnType<typeof vi.fn<(name: string, version?: string) => Promise<Secret>>> };
    store: KeyVaultSecretStore;
    accesses: SecretAccess[];
  } {
    const clock = new ManualClock();
    const events = new SecretAccessEvents();
    const accesses: SecretAccess[] = [];
    events.subscribe((access) => accesses.push(access));
    const vault = { get: vi.fn(async (name: string) => Promise.resolve(version(name, '1'))) };
    return {
      clock,
      vault,
      store: new KeyVaultSecretStore(vault, own, clock, new MemoryLogger(), events),
      accesses,
    };
  }
  const version = (name: string, number: string): Secret =>
    new Secret({ name, version: number, value: `value ${number}` });

  it('reads once for concurrent calls', async () => {
    const { store, vault } = start();
    await Promise.all([store.read('a'), store.read('a'), store.reread('a')]);
    expect(vault.get).toHaveBeenCalledTimes(1);
  });

  it('publishes each read from the vault, but no use of the cache', async () => {
    const { store, vault, clock, accesses } = start();
    await Promise.all([store.read('a'), store.read('a')]);
    await store.read('a');
    await store.readVersion('a', '1');
    expect(accesses).toEqual([{ name: 'a', version: '1' }]);
    vault.get.mockRejectedValue(new SecretAccessRefused('b'));
    await expect(store.read('b')).rejects.toThrow();
    await expect(store.read('b')).rejects.toThrow();
    await clock.advance(1000);
    await expect(store.readVersion('b', '7')).rejects.toThrow();
    expect(accesses.slice(1)).toEqual([
      { name: 'b', refusal: 'secret-access-refused' },
      { name: 'b', version: '7', refusal: 'secret-access-refused' },
    ]);
  });

  it('publishes which version a new one replaces, also when the old one was dropped before', async () => {
    const { store, vault, clock, accesses } = start();
    await store.read('a');
    vault.get.mockResolvedValue(version('a', '2'));
    await store.reread('a');
    vault.get.mockRejectedValue(new SecretNotFound('a'));
    await clock.advance(timing.rereadCooldownMs);
    await expect(store.reread('a')).rejects.toThrow();
    vault.get.mockResolvedValue(version('a', '3'));
    await clock.advance(timing.rereadCooldownMs);
    await store.reread('a');
    await clock.advance(timing.rereadCooldownMs);
    await store.reread('a');
    expect(accesses).toEqual([
      { name: 'a', version: '1' },
      { name: 'a', version: '2', replaces: '1' },
      { name: 'a', refusal: 'secret-missing' },
      { name: 'a', version: '3', replaces: '2' },
      { name: 'a', version: '3' },
    ]);
  });

  it('finds a new version within the refresh interval, in the background', async () => {
    const { store, vault, clock } = start();
    store.onApplicationBootstrap();
    await store.read('a');
    vault.get.mockResolvedValue(version('a', '2'));
    await clock.advance(timing.refreshMs);
    expect(await store.read('a')).toMatchObject({ version: '2' });
    expect(vault.get).toHaveBeenCalledTimes(2);
    store.onModuleDestroy();
  });

  it('refreshes secrets before they reach an age limit that is below the refresh interval', async () => {
    const { store, vault, clock } = start({ ...timing, refreshMs: 3_600_000, outageMs: 60_000 });
    store.onApplicationBootstrap();
    await store.read('a');
    await clock.advance(59_000);
    expect(vault.get).toHaveBeenCalledTimes(2);
    await clock.advance(59_000);
    expect(vault.get).toHaveBeenCalledTimes(3);
    store.onModuleDestroy();
  });

  it('uses the cached secret during an outage, for a limited time', async () => {
    const { store, vault, clock } = start();
    store.onApplicationBootstrap();
    await store.read('a');
    vault.get.mockRejectedValue(new SecretUnavailable());
    await clock.advance(timing.outageMs - 1);
    expect(await store.read('a')).toMatchObject({ version: '1' });
    await clock.advance(1001);
    await expect(store.read('a')).rejects.toBeInstanceOf(SecretUnavailable);
    store.onModuleDestroy();
  });

  it('refreshes after 1, 2, 4, 8 and then every 16 seconds while the vault is down', async () => {
    const { store, vault, clock } = start();
    store.onApplicationBootstrap();
    await store.read('a');
    vault.get.mockRejectedValue(new SecretUnavailable());
    await clock.advance(0.75 * timing.refreshMs);
    const counts: number[] = [];
    for (const seconds of [1, 2, 4, 8, 16, 16]) {
      vault.get.mockClear();
      await clock.advance(seconds * 1000 - 1);
      counts.push(vault.get.mock.calls.length);
      await clock.advance(1);
      counts.push(vault.get.mock.calls.length);
    }
    expect(counts).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    store.onModuleDestroy();
  });

  it('drops a secret at once that is missing in the vault', async () => {
    const { store, vault, clock } = start();
    store.onApplicationBootstrap();
    await store.read('a');
    vault.get.mockRejectedValue(new SecretNotFound('a'));
    await clock.advance(timing.refreshMs);
    await expect(store.read('a')).rejects.toBeInstanceOf(SecretNotFound);
    store.onModuleDestroy();
  });

  it.each(['disabled', 'expired', 'not valid yet', 'empty'] as const)(
    'keeps the version in use when a new one is %s, until one can be used',
    async (why) => {
      const { store, vault, clock } = start();
      store.onApplicationBootstrap();
      await store.current('a');
      vault.get.mockImplementation(async (name: string, wanted?: string) =>
        wanted === undefined
          ? Promise.reject(new SecretUnusable(name, why))
          : Promise.resolve(version(name, wanted)),
      );
      await clock.advance(timing.outageMs * 2);
      expect(await store.current('a')).toMatchObject({ version: '1' });
      expect(store.inUse()).toEqual([{ name: 'a', version: '1', rejected: { reason: why } }]);
      vault.get.mockResolvedValue(version('a', '3'));
      await clock.advance(timing.refreshMs);
      expect(await store.current('a')).toMatchObject({ version: '3' });
      expect(store.inUse()).toEqual([{ name: 'a', version: '3' }]);
      store.onModuleDestroy();
    },
  );

  it('drops the version in use at once when it is disabled itself', async () => {
    const { store, vault, clock } = start();
    store.onApplicationBootstrap();
    await store.current('a');
    vault.get.mockRejectedValue(new SecretUnusable('a', 'disabled'));
    await clock.advance(timing.refreshMs);
    await expect(store.current('a')).rejects.toMatchObject({ why: 'disabled' });
    store.onModuleDestroy();
  });

  it('keeps the version in use when a new one is stored that has expired', async () => {
    const { store, vault } = start();
    await store.current('a');
    const expiresAt = new Date(0);
    vault.get.mockImplementation(async (name: string, wanted?: string) =>
      Promise.resolve(
        wanted === undefined
          ? new Secret({ name, version: '2', value: 'v', expiresAt })
          : version(name, wanted),
      ),
    );
    expect(await store.reread('a')).toMatchObject({ version: '1' });
    expect(await store.current('a')).toMatchObject({ version: '1' });
  });

  it('reads again at most once in the cooldown', async () => {
    const { store, vault, clock } = start();
    await store.read('a');
    await store.reread('a');
    await store.reread('a');
    expect(vault.get).toHaveBeenCalledTimes(2);
    await clock.advance(timing.rereadCooldownMs);
    await store.reread('a');
    expect(vault.get).toHaveBeenCalledTimes(3);
  });

  it('finds a new version that is stored soon after another reading past the cache', async () => {
    const { store, vault, clock } = start();
    await store.read('a');
    for (const [nth, pauseMs] of [100, 100, 200, 400, 800].entries()) {
      const known = await store.reread('a', 'another');
      await store.reread('a', known.version);
      vault.get.mockResolvedValue(version('a', String(nth + 2)));
      await clock.advance(pauseMs);
      expect(await store.reread('a', known.version)).toMatchObject({ version: String(nth + 2) });
    }
  });

  it('reads rarely past the cache while a credential stays wrong, and finds the next one', async () => {
    const { store, vault, clock } = start();
    await store.read('a');
    vault.get.mockClear();
    for (let second = 0; second < 600; second += 1) {
      await store.reread('a', '1');
      await clock.advance(1000);
    }
    expect(vault.get.mock.calls.length).toBeLessThan(40);
    vault.get.mockResolvedValue(version('a', '2'));
    await clock.advance(timing.rereadCooldownMs);
    expect(await store.reread('a', '1')).toMatchObject({ version: '2' });
  });

  it('reads once for any number of callers with the same refused version', async () => {
    const { store, vault, clock } = start();
    await store.read('a');
    vault.get.mockResolvedValue(version('a', '2'));
    for (let caller = 0; caller < 50; caller += 1) {
      expect(await store.reread('a', '1')).toMatchObject({ version: '2' });
      await clock.advance(500);
    }
    expect(vault.get).toHaveBeenCalledTimes(2);
  });

  it('uses a mended secret at once instead of the malformed one in the cache', async () => {
    const { store, vault, clock } = start();
    const parse = vi.fn(({ value }: Secret) => {
      if (value !== 'value 2') throw new Error('malformed');
      return value;
    });
    await expect(store.readParsed('a', parse)).rejects.toThrow('malformed');
    vault.get.mockResolvedValue(version('a', '2'));
    await clock.advance(100);
    expect(await store.readParsed('a', parse)).toBe('value 2');
  });

  it('reports a malformed secret as malformed while the vault is down', async () => {
    const { store, vault } = start();
    await store.read('a');
    vault.get.mockRejectedValue(new SecretUnavailable());
    const parsed = store.readParsed('a', () => {
      throw new Error('malformed');
    });
    await expect(parsed).rejects.toThrow('malformed');
  });

  it('reads a secret again when the cached version has expired', async () => {
    const { store, vault, clock } = start();
    const expiresAt = new Date(clock.now() + 5000);
    vault.get.mockResolvedValue(new Secret({ name: 'a', version: '1', value: 'v', expiresAt }));
    await store.read('a');
    vault.get.mockResolvedValue(version('a', '2'));
    await clock.advance(5000);
    expect(await store.read('a')).toMatchObject({ version: '2' });
  });

  it('stops using a secret when it expires', async () => {
    const { store, vault, clock } = start();
    const expiresAt = new Date(clock.now() + 5000);
    vault.get.mockResolvedValue(new Secret({ name: 'a', version: '1', value: 'v', expiresAt }));
    await store.read('a');
    await clock.advance(5000);
    await expect(store.read('a')).rejects.toMatchObject({ why: 'expired' });
  });

  it('reads a secret again, and drops it in time, when a clock that was ahead is set back', async () => {
    const { store, vault, clock } = start();
    await store.read('a');
    await store.reread('a', '1');
    clock.step(-3_600_000);
    vault.get.mockResolvedValue(version('a', '2'));
    await clock.advance(1000);
    expect(await store.reread('a', '1')).toMatchObject({ version: '2' });
    vault.get.mockRejectedValue(new SecretUnavailable());
    await clock.advance(timing.outageMs);
    await expect(store.read('a')).rejects.toBeInstanceOf(SecretUnavailable);
    clock.step(-3_600_000);
    vault.get.mockResolvedValue(version('a', '3'));
    await clock.advance(1000);
    expect(await store.read('a')).toMatchObject({ version: '3' });
  });

  it('sends one request per second during an outage, for any number of calls', async () => {
    const { store, vault, clock } = start();
    vault.get.mockRejectedValue(new SecretUnavailable());
    for (let caller = 0; caller < 20; caller += 1) {
      await expect(store.read('a')).rejects.toBeInstanceOf(SecretUnavailable);
    }
    expect(vault.get).toHaveBeenCalledTimes(1);
    await clock.advance(1000);
    await expect(store.read('a')).rejects.toBeInstanceOf(SecretUnavailable);
    expect(vault.get).toHaveBeenCalledTimes(2);
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
