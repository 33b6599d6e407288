import { once } from 'node:events';
import { createServer } from 'node:net';

/** Loopback ports of the local environment beside the api's. The next start uses the same. */
export interface LocalPorts {
  readonly entra: number;
  readonly acs: number;
  readonly acsSecond: number;
  readonly keyVault: number;
  readonly managedIdentity: number;
  readonly control: number;
  readonly postgres: number;
  readonly sample: number;
  readonly entraHttp: number;
}

/** Ports of the first start. None is in the range that systems give to outgoing connections. */
export const DEFAULT_PORTS: LocalPorts = {
  entra: 3440,
  acs: 3441,
  acsSecond: 3442,
  keyVault: 3443,
  managedIdentity: 3444,
  control: 3445,
  postgres: 3446,
  sample: 3447,
  entraHttp: 3448,
};

/** Keeps the ports of different services apart. */
const STEP = 10;

/**
 * @param apiPort which the api gets
 * @returns the ports, with another one in the place of each that a program listens on, or that is given already
 */
export async function freePorts(wanted: LocalPorts, apiPort?: number): Promise<LocalPorts> {
  const ports = { ...wanted };
  const given = new Set([apiPort]);
  for (const name of Object.keys(wanted) as (keyof LocalPorts)[]) {
    // Any free one.
    if (ports[name] === 0) continue;
    while (given.has(ports[name]) || !(await isFree(ports[name]))) ports[name] += STEP;
    given.add(ports[name]);
  }
  return ports;
}

/** Whether no program listens on a port of `localhost`, which browsers take for both addresses. */
async function isFree(port: number): Promise<boolean> {
  return (await isFreeOf('127.0.0.1', port)) && (await isFreeOf('::1', port));
}

async function isFreeOf(address: string, port: number): Promise<boolean> {
  const server = createServer().listen(port, address);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') return false;
    // A machine without IPv6.
    if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return true;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return true;
}
