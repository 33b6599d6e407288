import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { StateFolder } from '../../../../apps/emulator/src/state-folder.js';
import { serverIdentity } from '../../../../apps/emulator/src/tls/local-ca.js';
import { platformSettings, type PlatformSettings } from '../config/platform-settings.js';
import { checkEnvironment, readSettings } from '../config/settings.js';
import {
  ConnectProxy,
  type ConnectProxyOptions,
  type ProxyFault,
} from '../testing/connect-proxy.js';
import { OutboundHttp } from './outbound-http.js';
import { ProxyFailure } from './proxy-failure.js';

const proxies: ConnectProxy[] = [];

afterEach(async () => {
  await Promise.all(proxies.splice(0).map(async (proxy) => proxy.stop()));
});

async function startProxy(options?: ConnectProxyOptions): Promise<ConnectProxy> {
  const proxy = await ConnectProxy.start(options);
  proxies.push(proxy);
  return proxy;
}

/** How a request ends in a process with these variables. */
async function send(
  url: string,
  environment: Record<string, string>,
  timeoutMs = 30_000,
): Promise<unknown> {
  const values = readSettings([platformSettings], environment);
  const settings = values.get(platformSettings.key) as PlatformSettings; // the key's own type
  const outbound = new OutboundHttp(settings.proxies);
  onTestFinished(async () => outbound.onApplicationShutdown());
  const { origin, pathname } = new URL(url);
  return outbound
    .dispatcher({ timeoutMs })
    .request({ origin, path: pathname, method: 'GET' })
    .then(
      ({ statusCode }) => statusCode,
      (error: unknown) => error,
    );
}

describe('OutboundHttp', () => {
  it.each([
    ['https://vault.example', { HTTPS_PROXY: '' }],
    ['https://vault.example', { https_proxy: '' }],
    ['https://vault.example', { ALL_PROXY: '' }],
    ['https://vault.example', { http_proxy: '' }],
    ['https://vault.example', { https_proxy: '', HTTPS_PROXY: 'http://127.0.0.1:1' }],
    ['https://vault.example', { HTTPS_PROXY: '', HTTP_PROXY: 'http://127.0.0.1:1' }],
    ['https://myvault.example', { HTTPS_PROXY: '', NO_PROXY: 'vault.example' }],
    ['https://vault.example', { HTTPS_PROXY: '', NO_PROXY: 'vault.example:8443, *.vault.example' }],
    ['https://vault.example', { HTTPS_PROXY: '', NO_PROXY: 'vault.example', no_proxy: 'other' }],
    ['https://10.1.2.3', { HTTPS_PROXY: '', NO_PROXY: '10.0.0.0/8' }],
    ['https://[2001:db8::1]', { HTTPS_PROXY: '' }],
  ])('sends a request for %s through the proxy of %o', async (url, environment) => {
    const proxy = await startProxy();
    proxy.faultFor = () => 403;
    const own = Object.entries(environment).map(([name, value]) => [name, value || proxy.url]);
    const error = await send(url, Object.fromEntries(own) as Record<string, string>);
    expect(error).toBeInstanceOf(ProxyFailure);
    expect(proxy.targets).toEqual([`${new URL(url).host}:443`]);
  });

  it.each([
    ['https://vault.invalid', { NO_PROXY: 'vault.invalid' }],
    ['https://a.b.vault.invalid', { NO_PROXY: 'other,vault.invalid' }],
    ['https://A.Vault.invalid', { no_proxy: '.vault.INVALID' }],
    ['https://a.vault.invalid', { no_proxy: '*.vault.invalid' }],
    ['https://vault.invalid:8443', { NO_PROXY: 'one.invalid vault.invalid:8443' }],
    ['https://vault.invalid', { NO_PROXY: '*' }],
    ['https://[::1]:9', {}],
    ['https://127.0.0.1:9', {}],
    ['https://localhost:9', {}],
    ['http://identity.invalid/msi/token', { IDENTITY_ENDPOINT: 'http://identity.invalid/msi' }],
    ['http://imds.invalid/', { AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://imds.invalid' }],
  ])('sends a request for %s around it with %o', async (url, environment) => {
    const proxy = await startProxy();
    const error = await send(url, { HTTPS_PROXY: proxy.url, ...environment });
    expect(error).not.toBeInstanceOf(ProxyFailure);
    expect(proxy.targets).toEqual([]);
  });

  it('sends everything directly without a proxy', async () => {
    const server = createServer((_request, response) => response.writeHead(204).end());
    onTestFinished(() => void server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo; // it listens on TCP
    expect(await send(`http://127.0.0.1:${port}/`, { NO_PROXY: 'other' })).toBe(204);
  });

  it('trusts no unknown server or proxy, whatever NODE_TLS_REJECT_UNAUTHORIZED says', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'outbound-'));
    onTestFinished(async () => rm(folder, { recursive: true }));
    const { key, certificate: cert } = await serverIdentity(new StateFolder(folder), []);
    const server = createTlsServer({ key, cert }, (_request, response) => response.end());
    onTestFinished(() => void server.close());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo; // it listens on TCP
    const [plain, secure] = [
      await startProxy({ hosts: ['vault.example'] }),
      await startProxy({ hosts: ['vault.example'], tls: { key, cert } }),
    ];
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    onTestFinished(() => void vi.unstubAllEnvs());
    const untrusted = { code: expect.stringMatching(/CERT|^UNABLE_TO_/) as string };
    expect(await send(`https://127.0.0.1:${port}/`, {})).toMatchObject(untrusted);
    const url = `https://vault.example:${port}/`;
    expect(await send(url, { HTTPS_PROXY: plain.url })).toMatchObject(untrusted);
    const proxy = secure.url.replace('127.0.0.1', 'localhost');
    expect(await send(url, { HTTPS_PROXY: proxy })).toBeInstanceOf(ProxyFailure);
    expect(secure.targets).toEqual([]);
  });

  it.each<[ProxyFault, string]>([
    [407, 'answered 407 for vault.example:443 (PROXY_STATUS_407)'],
    [403, 'answered 403 for vault.example:443 (PROXY_STATUS_403)'],
    [502, 'answered 502 for vault.example:443 (PROXY_STATUS_502)'],
    ['reset', 'can not be used for vault.example:443 (UND_ERR_SOCKET)'],
    ['hang', 'did not answer in time for vault.example:443 (PROXY_TIMEOUT)'],
  ])('names the proxy, without its credentials, when it fails with %s', async (fault, what) => {
    const proxy = await startProxy({ credentials: { user: 'egress', password: 'p@ss/w%rd' } });
    proxy.faultFor = () => fault;
    const timeoutMs = fault === 'hang' ? 500 : 30_000;
    const error = await send('https://vault.example', { HTTPS_PROXY: proxy.url }, timeoutMs);
    expect(ProxyFailure.among(error)?.message).toBe(`the proxy ${proxy.origin} ${what}`);
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain('p%40ss');
  });

  it('names a proxy that does not listen', async () => {
    const proxy = await startProxy();
    const { origin, url } = proxy;
    await proxy.stop();
    proxies.length = 0;
    const error = await send('https://vault.example', { HTTPS_PROXY: url });
    expect(ProxyFailure.among(error)?.message).toBe(
      `the proxy ${origin} can not be used for vault.example:443 (ECONNREFUSED)`,
    );
  });

  it.each(['127.0.0.1:3128', 'user:word@proxy:3128', 'https://proxy', 'http://u:%40@proxy:3128/'])(
    'accepts %s as the address of a proxy',
    (address) => {
      const { faults } = checkEnvironment([platformSettings], { HTTPS_PROXY: address });
      expect(faults).toEqual([]);
    },
  );

  it.each(['socks5://proxy:1080', 'egress', 'http://proxy/path', 'http://u:%@proxy', ':3129'])(
    'refuses %s as the address of a proxy, without repeating it',
    (address) => {
      const { faults } = checkEnvironment([platformSettings], { all_proxy: address });
      expect(faults).toEqual([expect.objectContaining({ variable: 'all_proxy' })]);
      expect(JSON.stringify(faults)).not.toContain(address);
    },
  );

  it.each(['FTP_PROXY', 'ftp_proxy', 'HTTP_PROXYS'])(
    'takes %s for a variable of other programs',
    (name) => {
      const { faults } = checkEnvironment([platformSettings], { [name]: 'http://proxy:1' });
      expect(faults).toEqual([]);
    },
  );
});
