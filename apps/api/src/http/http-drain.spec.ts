import { once } from 'node:events';
import { connect } from 'node:net';
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

  beforeEach(async () => {
    const logger = new MemoryLogger();
    const settings = { shutdownDelayMs: 0, shutdownTimeoutMs: 60_000 } as HttpSettings; // what it reads
    drain = new HttpDrain(new ReadinessChecks(logger, new Registry()), logger, settings);
    server = fastify({ forceCloseConnections: true });
    drain.attach(server);
    [finish, begun] = [Promise.withResolvers<string>(), 0];
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
    const { port } = server.addresses()[0] ?? {};
    const socket = connect(port ?? 0, '127.0.0.1');
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
