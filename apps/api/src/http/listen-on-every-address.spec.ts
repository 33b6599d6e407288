import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import fastify from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryLogger } from '#libs/platform/testing';
import { listenOnEveryAddress } from './listen-on-every-address.js';

const ADDRESSES = ['127.0.0.1', '127.0.0.2'] as const;

/** A server of a host name with two addresses. */
function serverOf(logger: MemoryLogger) {
  const server = fastify().get('/', async () => Promise.resolve('answered'));
  onTestFinished(async () => server.close());
  listenOnEveryAddress(server, 'two-addresses', logger, async () =>
    Promise.resolve(ADDRESSES.map((address) => ({ address }))),
  );
  return server;
}

async function textOf(address: string, port: number): Promise<string> {
  return (await fetch(`http://${address}:${port}/`, { headers: { connection: 'close' } })).text();
}

// Other systems have 127.0.0.1 only.
describe.runIf(process.platform === 'linux')('listenOnEveryAddress', () => {
  it('answers on each address, and on none once it is closed', async () => {
    const logger = new MemoryLogger();
    const server = serverOf(logger);
    await server.listen({ host: ADDRESSES[0], port: 0 });
    const { port } = server.server.address() as AddressInfo; // listens on a port
    for (const address of ADDRESSES) expect(await textOf(address, port)).toBe('answered');
    expect(logger.lines).toEqual([]);
    await server.close();
    for (const address of ADDRESSES) await expect(textOf(address, port)).rejects.toThrow();
  });

  it('logs an address that another program uses, and serves the first', async () => {
    const logger = new MemoryLogger();
    const other = createServer().listen(0, ADDRESSES[1]);
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo; // listens on a port
    await serverOf(logger).listen({ host: ADDRESSES[0], port });
    expect(await textOf(ADDRESSES[0], port)).toBe('answered');
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { address: ADDRESSES[1], port, code: 'EADDRINUSE' } },
    ]);
  });
});
