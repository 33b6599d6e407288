import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { fastify, type FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpSettings } from '#libs/composition';
import { ReadinessChecks } from '#libs/platform';
import { MemoryLogger } from '#libs/platform/testing';
import { HttpDrain } from './http-drain.js';

describe('HttpDrain', () => {
  let server: FastifyInstance;
  let drain: HttpDrain;
  /** Ends the handlers of `/work`. */
  let finish: PromiseWithResolvers<string>;
  let begun: number;
  /** Handlers that have returned. */
  let returned: number;

  beforeEach(async () => {
    const logger = new MemoryLogger();
    const settings = { shutdownDelayMs: 0, shutdownTimeoutMs: 60_000 } as HttpSettings; // what it reads
    drain = new HttpDrain(new ReadinessChecks(logger, new Registry()), logger, settings);
    server = fastify({ forceCloseConnections: true });
    drain.attach(server);
    [finish, begun, returned] = [Promise.withResolvers<string>(), 0, 0];
    server.addHook('preHandler', (_request, reply, done) => {
      drain.onReturned(reply.raw, () => (returned += 1));
      done();
    });
    server.get('/work', async () => {
      begun += 1;
      return finish.promise;
    });
    server.get('/sync', (_request, reply) => {
      void reply.send('sent');
    });
    server.get('/throws', () => {
      throw new Error('before a promise');
    });
    await server.listen({ port: 0, host: '127.0.0.1' });
  });

  afterEach(async () => {
    await server.close();
  });

  async function leaveEarly(): Promise<void> {
    const { port } = server.server.address() as AddressInfo; // it listens on a port
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('GET /work HTTP/1.1\r\nhost: a\r\n\r\n');
    await expect.poll(() => begun).toBe(1);
    socket.destroy();
  }

  it.each([
    [
      'returns',
      () => {
        finish.resolve('done');
      },
    ],
    [
      'fails',
      () => {
        finish.reject(new Error('failed'));
      },
    ],
  ])('waits for a handler whose caller has gone until it %s', async (_how, end) => {
    await leaveEarly();
    let isDrained = false;
    const drained = drain.drain().then(() => (isDrained = true));
    await expect.poll(() => server.server.listening).toBe(false);
    for (let n = 0; n < 5; n += 1) await new Promise((passed) => setTimeout(passed, 20));
    expect(isDrained).toBe(false);
    end();
    await drained;
    expect(drain.isComplete).toBe(true);
  });

  it('calls back once when the handler has returned, also to a caller who has gone, and for HEAD', async () => {
    await leaveEarly();
    expect(returned).toBe(0);
    finish.resolve('done');
    await expect.poll(() => returned).toBe(1);
    await server.inject({ method: 'HEAD', url: '/work' });
    await server.inject('/sync');
    await server.inject('/throws');
    expect(returned).toBe(4);
  });

  it('does not wait for handlers that have ended in whatever way, and changes no answer', async () => {
    finish.resolve('done');
    expect((await server.inject('/work')).body).toBe('done');
    expect((await server.inject({ method: 'HEAD', url: '/work' })).statusCode).toBe(200);
    expect((await server.inject('/sync')).body).toBe('sent');
    expect((await server.inject('/throws')).statusCode).toBe(500);
    await drain.drain();
    expect(drain.isComplete).toBe(true);
  });
});
