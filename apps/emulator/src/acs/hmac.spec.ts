import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { useEmulator } from '../testing.js';

const running = useEmulator();

interface Tampering {
  readonly dateMs?: number;
  readonly signedPath?: string;
  readonly signedHost?: string;
  readonly hash?: string;
  readonly path?: string;
}

/** Signs by hand, so that each part can be wrong. */
async function createIdentity(tampering: Tampering = {}): Promise<Response> {
  const { acsUrl, acsAccessKey } = running();
  const path = tampering.path ?? '/identities?api-version=2023-10-01';
  const body = '{}';
  const date = new Date(tampering.dateMs ?? Date.now()).toUTCString();
  const hash = tampering.hash ?? createHash('sha256').update(body).digest('base64');
  const host = tampering.signedHost ?? new URL(acsUrl).host;
  const stringToSign = `POST\n${tampering.signedPath ?? path}\n${date};${host};${hash}`;
  const signature = createHmac('sha256', Buffer.from(acsAccessKey, 'base64'))
    .update(stringToSign)
    .digest('base64');
  return fetch(`${acsUrl}${path}`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'x-ms-date': date,
      'x-ms-content-sha256': hash,
      authorization: `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`,
    },
  });
}

describe('the HMAC of an ACS call', () => {
  it('is accepted when it is correct, with a date up to 15 minutes off', async () => {
    expect((await createIdentity()).status).toBe(201);
    expect((await createIdentity({ dateMs: Date.now() - 14 * 60_000 })).status).toBe(201);
  });

  it.each<[string, () => Tampering]>([
    ['an old date', () => ({ dateMs: Date.now() - 16 * 60_000 })],
    ['a future date', () => ({ dateMs: Date.now() + 16 * 60_000 })],
    ['another path', () => ({ signedPath: '/identities' })],
    ['another host', () => ({ signedHost: 'example.communication.azure.com' })],
    [
      'the hash of another body',
      () => ({ hash: createHash('sha256').update('other').digest('base64') }),
    ],
  ])('is rejected with %s', async (_what, tampering) => {
    const response = await createIdentity(tampering());
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({
      error: { code: 'Denied', message: 'Denied by the resource provider.' },
    });
  });

  it('is required', async () => {
    const path = '/identities?api-version=2023-10-01';
    const response = await fetch(`${running().acsUrl}${path}`, { method: 'POST' });
    expect(response.status).toBe(401);
  });
});

describe('the api-version of an ACS call', () => {
  it.each([
    ['/identities', 'MissingApiVersionParameter'],
    ['/identities?api-version=2019-01-01', 'UnsupportedApiVersionValue'],
  ])('is rejected in %s', async (path, code) => {
    const response = await createIdentity({ path });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code } });
  });
});
