import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { ClientSecretCredential } from '@azure/identity';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { type Emulator, type EmulatorOptions, sampleApps, startEmulator } from './emulator.js';

/** Vitest types its matchers as `any`; these are for places that lint keeps free of it. */
export const anyString: unknown = expect.any(String);
export const anyNumber: unknown = expect.any(Number);

export function stringMatching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}

/**
 * An emulator for one spec file, trusted by this process and reset after each test.
 *
 * @returns a getter, because it runs from the first test on.
 */
export function useEmulator(options: Omit<EmulatorOptions, 'directory'> = {}): () => Emulator {
  let emulator: Emulator | undefined;
  const running = (): Emulator => {
    if (emulator === undefined) throw new Error('the emulator runs within tests only');
    return emulator;
  };
  const directory = mkdtempSync(join(tmpdir(), 'emulator-'));
  beforeAll(async () => {
    emulator = await startEmulator({ directory, ...options });
    trust(emulator.caPem);
  });
  afterEach(async () => running().control.reset({ identities: true }));
  afterAll(async () => {
    await emulator?.stop();
    rmSync(directory, { recursive: true });
  });
  return running;
}

export function trust(caPem: string): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), caPem]);
}

/** Signs in as the process of the API does. */
export function serviceCredential(emulator: Emulator): ClientSecretCredential {
  const { clientId, clientSecret = '' } = sampleApps['identity-service'];
  return new ClientSecretCredential(emulator.tenantId, clientId, clientSecret, {
    authorityHost: emulator.entraUrl,
    disableInstanceDiscovery: true,
  });
}

/** The claims of a token, unverified. */
export function claimsOf(token: string): Record<string, unknown> {
  const [, payload = ''] = token.split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
}

export function headerOf(token: string): Record<string, unknown> {
  const [header = ''] = token.split('.');
  return JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, unknown>;
}
