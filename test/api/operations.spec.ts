import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { runningService } from '../support/running-service.js';
import { issue, newPerson } from '../support/tokens-api.js';

const addresses = Object.values(networkInterfaces())
  .flat()
  .flatMap((one) => (one === undefined || one.address.startsWith('fe80:') ? [] : one.address));
const hasIpv6 = addresses.includes('::1');

/** What hosts make of the surroundings of a process. */
const HOST_ENVIRONMENT = {
  NODE_ENV: 'production',
  TZ: 'Asia/Kolkata',
  // As a read-only file system: nothing may be written, wherever. The variable HOME is never set here.
  NODE_OPTIONS: '--permission --allow-fs-read=*',
  NODE_COMPILE_CACHE: undefined,
  AUDIT_CHECKPOINT_FILE: undefined,
  TRUSTED_PROXIES: '127.0.0.0/8,::1,10.0.0.0/8',
};

const service = runningService({
  emulator: hasIpv6 ? { host: '::1', publicHost: '::1' } : {},
  environment: { ...HOST_ENVIRONMENT, HOST: hasIpv6 ? '::' : '0.0.0.0' },
});

describe('GET /health/live and GET /health/ready', () => {
  it('200: need no token', async () => {
    expect((await call(service().url, 'get', '/health/live')).body).toEqual({ status: 'live' });
    await expect
      .poll(async () => (await call(service().url, 'get', '/health/ready')).status)
      .toBe(200);
    const { body } = await call(service().url, 'get', '/health/ready');
    expect(body.parts).toMatchObject({ database: 'ready', schema: 'ready' });
  });
});

describe('GET /metrics', () => {
  it('200: counts requests by route, with no identifier in any label', async () => {
    await issue(service(), 'alice');
    const text = await (await fetch(`${service().url}/metrics`)).text();
    expect(text).toContain(
      'http_request_duration_seconds_count{method="POST",route="/v1/me/tokens",status="200"}',
    );
    expect(text).not.toMatch(/8:acs:|eyJ/);
  });
});

describe('GET /docs and GET /openapi.json', () => {
  it('200: serve the interactive documentation and the OpenAPI document', async () => {
    const page = await fetch(`${service().url}/docs`);
    expect(page.status).toBe(200);
    const links = [...(await page.text()).matchAll(/(?:href|src)="([^"]+)"/g)];
    expect(links.map(([, link]) => link)).toContain('docs/swagger-ui-bundle.js');
    for (const [, link = ''] of links) {
      const file = await fetch(new URL(link, page.url));
      expect(file.status, link).toBe(200);
      expect((await file.arrayBuffer()).byteLength, link).toBeGreaterThan(0);
    }
    const document = await fetch(`${service().url}/openapi.json`);
    expect(document.status).toBe(200);
  });
});

describe('a process where it is hosted', () => {
  it('200: works in production without a home and without a file system to write to', async () => {
    await issue(service(), await newPerson(service()));
    expect((await call(service().url, 'get', '/health/ready')).status).toBe(200);
    expect(service().logLines.filter((line) => line.includes('ERR_ACCESS_DENIED'))).toEqual([]);
  });

  it('200: has every time in UTC, whatever its time zone is', async () => {
    const { expiresOn, auditEntry } = await issue(service(), 'bob');
    expect(expiresOn).toMatch(/Z$/);
    const leftMinutes = (Date.parse(expiresOn) - Date.now()) / 60_000;
    expect(Math.round(leftMinutes)).toBeCloseTo(60, -1);
    const entry = (await service().auditEntries())[auditEntry.index];
    expect(entry).toMatchObject({ id: auditEntry.id, recordedAt: expect.stringMatching(/Z$/) });
  });

  it.runIf(hasIpv6)('200: calls Entra, Key Vault and ACS at IPv6 addresses', async () => {
    const { entraUrl, keyVaultUrl, acsUrl } = service().emulator;
    for (const url of [entraUrl, keyVaultUrl, acsUrl]) expect(new URL(url).hostname).toBe('[::1]');
    const { token } = await issue(service(), await newPerson(service()));
    expect(await service().emulator.control.validateAcsToken(token)).toMatchObject({ valid: true });
  });

  it('200: is reached at every address of the machine, by IPv6 and IPv4, with HOST=::', async () => {
    const { port } = new URL(service().url);
    for (const address of addresses) {
      const host = address.includes(':') ? `[${address}]` : address;
      const response = await fetch(`http://${host}:${port}/health/live`);
      expect(response.status, host).toBe(200);
    }
  });

  it.each([
    ['with a port', '203.0.113.7:49152', '203.0.113.7'],
    ['of IPv6', '2001:DB8::7', '2001:db8::7'],
    ['of IPv6 with a port', '[2001:db8::7]:49152', '2001:db8::7'],
    ['of IPv4 in IPv6', '::ffff:203.0.113.7', '203.0.113.7'],
    ['before those of trusted proxies', '6.6.6.6, 203.0.113.7, 10.0.0.4:443', '203.0.113.7'],
  ])('200: records the address that X-Forwarded-For names, %s', async (_which, sent, recorded) => {
    const issued = await call(service().url, 'post', '/v1/me/tokens', {
      ...{ token: await service().token('alice'), body: {} },
      headers: { 'x-forwarded-for': sent },
    });
    service().scanner.forbid(issued.body.token as string);
    const { id } = issued.body.auditEntry as { id: string };
    const token = await service().token('grace');
    const { body } = await call(service().url, 'get', `/v1/audit/entries/${id}`, { token });
    expect(body.personal).toMatchObject({ clientAddress: recorded });
  });
});
