import { lookup } from 'node:dns/promises';
import { createServer, type Server } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from '#libs/platform';

/** @returns the addresses of a host name */
export type AddressLookup = (host: string) => Promise<readonly { readonly address: string }[]>;

/**
 * Makes the server reachable on every address of its host name: `localhost` is often ::1 and 127.0.0.1,
 * of which Node listens on the first. The connections of the others are passed to the same server, so
 * that nothing differs between them. An address that can't be used is logged: as with Node's own choice,
 * one reachable address is enough.
 */
export function listenOnEveryAddress(
  fastify: FastifyInstance,
  host: string,
  logger: Logger,
  addressesOf: AddressLookup = async (name) => lookup(name, { all: true }),
): void {
  const { server } = fastify;
  const others: Server[] = [];
  fastify.addHook('onListen', async () => {
    const main = server.address();
    if (main === null || typeof main === 'string') return;
    for (const { address } of await addressesOf(host)) {
      if (address === main.address) continue;
      const other = createServer((socket) => server.emit('connection', socket));
      const { promise, resolve } = Promise.withResolvers<undefined>();
      other.on('error', ({ code }: NodeJS.ErrnoException) => {
        logger.warn({ address, port: main.port, code }, 'this address of the host is not served');
        resolve(undefined);
      });
      other.listen(main.port, address, () => {
        others.push(other);
        resolve(undefined);
      });
      await promise;
    }
  });
  fastify.addHook('preClose', (done) => {
    for (const other of others) other.close();
    done();
  });
}
