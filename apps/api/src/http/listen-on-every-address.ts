import { lookup } from 'node:dns/promises';
import { createServer, type Server } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Makes the server reachable on every address of its host name: `localhost` is often ::1 and 127.0.0.1,
 * of which Node listens on the first. The connections of the others are passed to the same server, so
 * that nothing differs between them.
 */
export function listenOnEveryAddress(fastify: FastifyInstance, host: string): void {
  const { server } = fastify;
  const others: Server[] = [];
  fastify.addHook('onListen', async () => {
    const main = server.address();
    if (main === null || typeof main === 'string') return;
    for (const { address } of await lookup(host, { all: true })) {
      if (address === main.address) continue;
      const other = createServer((socket) => server.emit('connection', socket));
      const { promise, resolve } = Promise.withResolvers<undefined>();
      // As with Node's own choice, one reachable address is enough.
      other.once('error', () => {
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
