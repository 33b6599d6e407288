import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { ClientSecretCredential } from '@azure/identity';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { type Emulator, type EmulatorOptions, SAMPLE_APPS, startEmulator } from './index.js';

/** Vitest's matchers have the type `any`, which lint rejects. */
export const anyString: unknown = expect.any(String);
export const anyNumber: unknown = expect.any(Number);

export function stringMatching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}

/**
 * Starts an emulator for one spec file: trusted by this process and reset after each test.
 *
 * @returns a getter, valid inside tests.
 */
export function useEmulator(options: Omit<EmulatorOptions, 'directory'> = {}): () => Emulator {
  let emulator: Emulator | undefined;
  const running = (): Emulator => {
    if (emulator === undefined) throw new Error('the emulator runs inside tests only');
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

/** Makes this process trust the CA. */
export function trust(caPem: string): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), caPem]);
}

/** The credential of the API's process. */
export function serviceCredential(emulator: Emulator): ClientSecretCredential {
  const { clientId, clientSecret = '' } = SAMPLE_APPS['identity-service'];
  return new ClientSecretCredential(emulator.tenantId, clientId, clientSecret, {
    authorityHost: emulator.entraUrl,
    disableInstanceDiscovery: true,
  });
}

/** Posts a form without following redirects. */
export async function postForm(
  url: string,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  const body = new URLSearchParams(form);
  return fetch(url, { method: 'POST', body, headers, redirect: 'manual' });
}

/** The claims of a token, not verified. */
export function claimsOf(token: string): Record<string, unknown> {
  const [, payload = ''] = token.split('.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
}

/** The header of a token, not verified. */
export function headerOf(token: string): Record<string, unknown> {
  const [header = ''] = token.split('.');
  return JSON.parse(Buffer.from(header, 'base64url').toString()) as Record<string, unknown>;
}
