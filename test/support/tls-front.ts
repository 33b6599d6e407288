import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll } from 'vitest';
import { StateFolder } from '../../apps/emulator/src/state-folder.js';
import { serverIdentity } from '../../apps/emulator/src/tls/local-ca.js';

/**
 * Ends TLS before a service, as the proxy of a production does, while the specs of a file run. This process
 * trusts its certificate.
 *
 * @param target the origin of the service
 * @returns a function that returns the https origin
 */
export function runningTlsFront(target: () => string): () => string {
  const standardCertificates = tls.getCACertificates('default');
  let server: tls.Server | undefined;
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tls-front-'));
    const { key, certificate, caPem } = await serverIdentity(new StateFolder(directory), []);
    tls.setDefaultCACertificates([...standardCertificates, caPem]);
    const started = tls.createServer({ key, cert: certificate }, (client) => {
      const { hostname, port } = new URL(target());
      const upstream = connect(Number(port), hostname);
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        from.pipe(to);
        from.on('error', () => to.destroy());
      }
    });
    server = started;
    await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    tls.setDefaultCACertificates(standardCertificates);
    server?.close();
    await rm(directory, { recursive: true, force: true });
  });
  return () => {
    if (!server) throw new Error('the TLS front has not been started');
    return `https://localhost:${(server.address() as AddressInfo).port}`; // it listens on a port
  };
}
