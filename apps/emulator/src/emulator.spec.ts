import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { CommunicationIdentityClient } from '@azure/communication-identity';
import { SecretClient } from '@azure/keyvault-secrets';
import { afterEach, describe, expect, it } from 'vitest';
import { createEmulatorKeys, type Emulator, type EmulatorOptions, startEmulator } from './index.js';
import { anyString, headerOf, serviceCredential, trust } from './testing.js';

const directory = mkdtempSync(join(tmpdir(), 'emulator-'));
let emulator: Emulator | undefined;

async function start(options: Partial<EmulatorOptions> = {}): Promise<Emulator> {
  await emulator?.stop();
  emulator = await startEmulator({ directory, ...options });
  trust(emulator.caPem);
  return emulator;
}

afterEach(async () => {
  await emulator?.stop();
  rmSync(directory, { recursive: true, force: true });
});

it('signs with the keys that it was given', async () => {
  const keys = await createEmulatorKeys();
  const signed = async (options: Partial<EmulatorOptions>): Promise<unknown[]> => {
    const { acsResources, entraUrl, tenantId } = await start(options);
    const acs = new CommunicationIdentityClient(acsResources[0]?.connectionString ?? '');
    const { token } = await acs.createUserAndToken(['chat']);
    const published = await fetch(`${entraUrl}/${tenantId}/discovery/v2.0/keys`);
    const { keys: entra } = (await published.json()) as { keys: { n: string }[] };
    return [headerOf(token).kid, entra.map(({ n }) => n)];
  };

  const first = await signed({ keys });
  expect(await signed({ keys })).toEqual(first);
  expect(await signed({})).not.toEqual(first);
});

describe('a persistent emulator', () => {
  it('names the file of its state that it can not read, and the remedy', async () => {
    await start({ persist: true });
    const file = join(directory, 'entra-keys.json');
    for (const content of ['', '[{}]']) {
      writeFileSync(file, content);
      const failed = start({ persist: true });
      await expect(failed).rejects.toThrow(/entra-keys\.json can not be used.*: restore it/);
    }
  });

  it('restores its CA, identities, tokens, keys and secrets', async () => {
    const first = await start({ persist: true });
    const acs = new CommunicationIdentityClient(first.acsResources[0]?.connectionString ?? '');
    const active = await acs.createUserAndToken(['chat']);
    const deleted = await acs.createUserAndToken(['chat']);
    await acs.revokeTokens(active.user);
    await acs.deleteUser(deleted.user);
    const { kid } = headerOf(await first.control.mintToken());
    await first.control.setSecret({ name: 'mine', value: 'stored' });

    const second = await start({ persist: true });
    expect(second.caPem).toBe(first.caPem);
    expect(second.acsAccessKey).toBe(first.acsAccessKey);
    expect(headerOf(await second.control.mintToken()).kid).toBe(kid);
    expect(await second.control.listIdentities()).toMatchObject([
      { id: active.user.communicationUserId },
      { id: deleted.user.communicationUserId, deletedAt: anyString },
    ]);
    expect(await second.control.validateAcsToken(active.token)).toMatchObject({
      reason: 'revoked',
    });

    const vault = new SecretClient(second.keyVaultUrl, serviceCredential(second), {
      disableChallengeResourceVerification: true,
    });
    expect((await vault.getSecret('mine')).value).toBe('stored');
    const { value = '' } = await vault.getSecret('acs-connection-string');
    await new CommunicationIdentityClient(value).getToken(active.user, ['chat']);
  });

  it('makes its files readable by their owner only', async () => {
    await start({ persist: true });
    expect(statSync(directory).mode & 0o077).toBe(0);
    for (const name of readdirSync(directory)) {
      expect(statSync(join(directory, name)).mode & 0o777, name).toBe(0o600);
    }
  });
});

describe('an emulator', () => {
  it('stores nothing but its CA when it is not persistent', async () => {
    const first = await start();
    await new CommunicationIdentityClient(
      first.acsResources[0]?.connectionString ?? '',
    ).createUser();
    const second = await start();
    expect(second.caPem).toBe(first.caPem);
    expect(second.acsAccessKey).not.toBe(first.acsAccessKey);
    expect(await second.control.listIdentities()).toEqual([]);
  });

  it('shares one CA with emulators that start concurrently in the same folder', async () => {
    const others = await Promise.all([1, 2, 3].map(async () => startEmulator({ directory })));
    try {
      const [first, ...rest] = others.map(({ caPem }) => caPem);
      expect(rest).toEqual([first, first]);
      expect(readFileSync(others[0]?.caFile ?? '', 'utf8')).toBe(first);
    } finally {
      await Promise.all(others.map(async (other) => other.stop()));
    }
  });

  it.each(['localhost', '127.0.0.1'])('has a certificate for %s', async (host) => {
    const { entraUrl, caPem } = await start();
    const { port } = new URL(entraUrl);
    const certificate = await new Promise<X509Certificate | undefined>((resolve, reject) => {
      const servername = host === 'localhost' ? { servername: host } : {};
      const socket = connect({ host, port: Number(port), ca: caPem, ...servername }, () => {
        resolve(socket.getPeerX509Certificate());
        socket.destroy();
      });
      socket.on('error', reject);
    });
    expect(certificate?.subjectAltName).toContain('IP Address:0:0:0:0:0:0:0:1');
  });

  it('listens on addresses of other machines only with allowRemote', async () => {
    for (const remote of [{ host: '0.0.0.0' }, { entraHttpHost: '0.0.0.0' }]) {
      await expect(start(remote)).rejects.toThrow(/other machines can reach 0\.0\.0\.0/);
    }
    const open = await start({ host: '0.0.0.0', allowRemote: true, publicHost: 'localhost' });
    expect(open.entraUrl).toMatch(/^https:\/\/localhost:/);
    expect(open.controlUrl).toMatch(/^http:\/\/127\.0\.0\.1:/);
    const acs = new CommunicationIdentityClient(open.acsResources[0]?.connectionString ?? '');
    await acs.createUser();
  });

  it('uses the given ports and secrets', async () => {
    const { port } = new URL((await start()).keyVaultUrl);
    const second = await start({
      ports: { keyVault: Number(port) },
      secrets: { 'given-secret': 'given' },
    });
    expect(new URL(second.keyVaultUrl).port).toBe(port);
    const vault = new SecretClient(second.keyVaultUrl, serviceCredential(second), {
      disableChallengeResourceVerification: true,
    });
    expect((await vault.getSecret('given-secret')).value).toBe('given');
  });

  it('closes all servers when a port is in use', async () => {
    const { acsUrl } = await start();
    const taken = Number(new URL(acsUrl).port);
    const other = startEmulator({ directory, ports: { acs: taken } });
    await expect(other).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
