import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { StateFolder } from '../../apps/emulator/src/state-folder.js';
import { serverIdentity } from '../../apps/emulator/src/tls/local-ca.js';
import { ConnectProxy, type ProxyFault } from '#libs/platform/testing';
import { acsIdentity, operatorEnvironment } from '../support/acs-identity.js';
import { call } from '../support/call.js';
import { Service } from '../support/service.js';
import { issue, newPerson, requestToken } from '../support/tokens-api.js';

/** Only the proxies know where it is. */
const AZURE = 'azure.test';
const folder = mkdtempSync(join(tmpdir(), 'egress-'));
const directory = join(folder, 'emulator');
const credentials = { user: 'egress', password: 'p@ss/w%rd' };

let proxy: ConnectProxy;
let tlsProxy: ConnectProxy;
let service: Service;

beforeAll(async () => {
  const { key, certificate } = await serverIdentity(new StateFolder(directory), []);
  proxy = await ConnectProxy.start({ credentials, hosts: [AZURE] });
  tlsProxy = await ConnectProxy.start({ tls: { key, cert: certificate }, hosts: [AZURE] });
  service = await Service.start({
    cluster: inject('cluster'),
    emulator: { directory, publicHost: AZURE },
    environment: {
      HTTPS_PROXY: proxy.url,
      NO_PROXY: 'internal.test',
      ACS_TIMEOUT_MS: '5000',
      KEY_VAULT_REREAD_COOLDOWN_SECONDS: '1',
      AUTHENTICATION_KEYS_COOLDOWN_SECONDS: '1',
    },
  });
  service.scanner.forbid(credentials.password, new URL(proxy.url).password);
});

afterEach(() => {
  proxy.faultFor = () => undefined;
});

afterAll(async () => {
  await service.stop();
  await proxy.stop();
  await tlsProxy.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The hosts of the emulator that a first token needs, sorted. */
function upstreams(): string[] {
  const { entraUrl, keyVaultUrl, acsUrl } = service.emulator;
  return [entraUrl, keyVaultUrl, acsUrl].map((url) => new URL(url).host).sort();
}

function targetsOf({ targets }: ConnectProxy): string[] {
  return [...new Set(targets)].sort();
}

/** The log lines that name the proxy and the host. */
function reasonsFor(target: string): string[] {
  return service.logLines.filter(
    (line) => line.includes(`the proxy ${proxy.origin} `) && line.includes(` for ${target} `),
  );
}

describe('behind a proxy', () => {
  it('calls Entra, Key Vault and ACS through it, with its credentials', async () => {
    const { token } = await issue(service, await newPerson(service));
    expect(token).not.toBe('');
    expect(targetsOf(proxy)).toEqual(upstreams());
  });

  it('reaches it over TLS, and trusts the CA of NODE_EXTRA_CA_CERTS for it and behind it', async () => {
    const api = await service.addApi({ HTTPS_PROXY: undefined, https_proxy: tlsProxy.url });
    await issue(service, await newPerson(service), {}, api.url);
    expect(targetsOf(tlsProxy)).toEqual(upstreams());
    await api.stop();
    service.apis.pop();
  });

  it('records its address without the credentials', async () => {
    const entry = (await service.auditEntries()).find(
      ({ action }) => action === 'configuration.load',
    );
    expect(entry?.details?.settings).toContain(`HTTPS_PROXY=${proxy.origin}/`);
  });
});

describe('a command behind a proxy', () => {
  it('calls Entra and Microsoft Graph through it', async () => {
    const { graphUrl, entraUrl, control, tenantId } = service.emulator;
    await control.setGraphUsers([]);
    const before = proxy.targets.length;
    const { stdout } = await acsIdentity(['identities', 'import-graph', '--tenant', tenantId], {
      environment: {
        ...operatorEnvironment(service),
        HTTPS_PROXY: proxy.url,
        GRAPH_URL: graphUrl,
        GRAPH_SCOPE: 'https://graph.microsoft.com/.default',
      },
    });
    expect(stdout).toMatch(/^\d+ users, 0 with an identity/);
    const hosts = [graphUrl, entraUrl].map((url) => new URL(url).host);
    expect(proxy.targets.slice(before)).toEqual(expect.arrayContaining(hosts));
  });

  it('copies the log of a service through it', async () => {
    const before = proxy.targets.length;
    const at = new URL(service.emulator.acsUrl).host;
    // What answers is no log; it is reached through the proxy alone.
    const { stderr, code } = await acsIdentity(
      ['audit', 'copy', '--url', `https://${at}`, '--folder', join(folder, 'copy')],
      { environment: { ...operatorEnvironment(service), HTTPS_PROXY: proxy.url } },
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/checkpoint was refused with 4\d\d/);
    expect(proxy.targets.slice(before)).toContain(at);
  });
});

describe('while the proxy fails', () => {
  it.each<[ProxyFault]>([[407], ['hang'], ['reset']])(
    'for ACS with %s: 503 and a log line that names it; nothing is created twice',
    async (fault) => {
      const { acsUrl, control } = service.emulator;
      const target = new URL(acsUrl).host;
      const person = await newPerson(service);
      const since = (await control.readJournal({ service: 'acs' })).at(-1)?.sequence ?? 0;
      const linesBefore = reasonsFor(target).length;
      proxy.faultFor = (to) => (to === target ? fault : undefined);
      proxy.cut();
      const answer = await requestToken(service, person);
      expect(answer.body).toMatchObject({ type: 'urn:acs-identity:problem:acs-unavailable' });
      expect(answer.status).toBe(503);
      await expect.poll(() => reasonsFor(target).length).toBeGreaterThan(linesBefore);
      proxy.faultFor = () => undefined;
      await expect.poll(async () => (await requestToken(service, person)).status).toBe(200);
      const calls = await control.readJournal({ service: 'acs', since });
      expect(calls.map(({ operation }) => operation)).toEqual(['create']);
    },
  );

  it.each<[string, ProxyFault, 'keyVaultUrl' | 'entraUrl', RegExp]>([
    ['Key Vault', 403, 'keyVaultUrl', /:(secrets|audit)-unavailable$/],
    ['Entra', 407, 'entraUrl', /:identity-provider-unavailable$/],
  ])(
    'for %s with %s: 503 of a new process, and 200 afterwards',
    async (_name, fault, upstream, type) => {
      const linesBefore = reasonsFor(new URL(service.emulator[upstream]).host).length;
      const target = new URL(service.emulator[upstream]).host;
      const person = await newPerson(service);
      proxy.faultFor = (to) => (to === target ? fault : undefined);
      const api = await service.addApi();
      const answer = await requestToken(service, person, {}, api.url);
      expect((answer.body as { type: string }).type).toMatch(type);
      expect(answer.status).toBe(503);
      expect((await call(api.url, 'get', '/health/ready')).status).toBe(503);
      await expect.poll(() => reasonsFor(target).length).toBeGreaterThan(linesBefore);
      proxy.faultFor = () => undefined;
      await expect
        .poll(async () => (await requestToken(service, person, {}, api.url)).status)
        .toBe(200);
      await api.stop();
      service.apis.pop();
    },
  );
});
