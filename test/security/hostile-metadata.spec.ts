import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StateFolder } from '../../apps/emulator/src/state-folder.js';
import { serverIdentity } from '../../apps/emulator/src/tls/local-ca.js';
import { HttpsMetadataSource, describeMetadataSource } from '#libs/authentication/testing';
import { OutboundHttp } from '#libs/platform';

const directory = mkdtempSync(join(tmpdir(), 'metadata-'));
const standardCertificates = tls.getCACertificates('default');
const source = new HttpsMetadataSource(new OutboundHttp().dispatcher({ timeoutMs: 5_000 }));

const answers: Record<string, (response: ServerResponse) => void> = {
  '/good': (response) => response.end('{"issuer":"https://login.test"}'),
  '/redirect': (response) => response.writeHead(302, { location: '/good' }).end(),
  '/broken': (response) => response.end('{"issuer":'),
  '/html': (response) => response.end('<html>Sign in to the network</html>'),
  '/fault': (response) => response.writeHead(503).end('x'.repeat(100_000)),
  '/empty': (response) => response.end(),
  '/cut': (response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{');
    response.destroy();
  },
  '/hang': () => undefined,
  '/drip': (response) => {
    const drops = setInterval(() => response.write(' '), 20);
    response.on('close', () => {
      clearInterval(drops);
    });
  },
  '/huge': (response) => {
    const chunk = Buffer.alloc(1_048_576, ' ');
    let sent = 0;
    const more = (): void => {
      while (sent < 50 && !response.destroyed) {
        sent += 1;
        if (!response.write(chunk)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  },
};

let server: Server;
let origin: string;

beforeAll(async () => {
  const { key, certificate, caPem } = await serverIdentity(new StateFolder(directory), []);
  tls.setDefaultCACertificates([...standardCertificates, caPem]);
  server = createServer({ key, cert: certificate }, (request, response) => {
    response.on('error', () => undefined);
    answers[request.url ?? '']?.(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `https://localhost:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  tls.setDefaultCACertificates(standardCertificates);
  rmSync(directory, { recursive: true });
});

async function load(path: string, timeoutMs = 10_000): Promise<unknown> {
  return source.load(`${origin}${path}`, AbortSignal.timeout(timeoutMs));
}

describeMetadataSource('HttpsMetadataSource', () => ({
  source,
  url: `${origin}/good`,
  missingUrl: `${origin}/fault`,
}));

describe('HttpsMetadataSource', () => {
  it.each(['/redirect', '/broken', '/html', '/fault', '/empty', '/cut'])(
    'rejects the response %s, and loads the next document',
    async (path) => {
      await expect(load(path)).rejects.toThrow();
      expect(await load('/good')).toBeDefined();
    },
  );

  it.each(['/hang', '/drip'])('stops at its deadline for the response %s', async (path) => {
    await expect(load(path, 300)).rejects.toThrow();
  });

  it('stops reading a response of 50 MB at its size limit', async () => {
    const before = process.memoryUsage().arrayBuffers;
    await expect(load('/huge')).rejects.toThrow('too large');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
    expect(await load('/good')).toBeDefined();
  });

  it('calls only https addresses, with trusted certificates', async () => {
    await expect(
      source.load(origin.replace('https', 'http'), AbortSignal.timeout(1_000)),
    ).rejects.toThrow('not an https address');
    tls.setDefaultCACertificates(standardCertificates);
    const elsewhere = origin.replace('localhost', '127.0.0.1');
    await expect(source.load(`${elsewhere}/good`, AbortSignal.timeout(5_000))).rejects.toThrow();
  });
});
