import { once } from 'node:events';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problem } from '#libs/platform';
import { MemoryLogger } from '#libs/platform/testing';
import { HttpMetrics } from './http-metrics.js';
import { ServiceStopping } from './request-errors.js';

class NotForYou extends problem('not-for-you', 403, 'The rule allows nothing of it') {
  constructor(rule: string) {
    super({
      detail: 'Requested: petra@contoso.example',
      members: { allowed: [] },
      facts: { rule },
    });
  }
}

function start() {
  const [logger, registry] = [new MemoryLogger(), new Registry()];
  const metrics = new HttpMetrics(logger, registry);
  return {
    ...{ logger, registry, metrics },
    refuse(rule: string): void {
      const request = new IncomingMessage(new Socket());
      request.method = 'POST';
      const response = new ServerResponse(request);
      metrics.measure(request, response, { requestId: 'order-4711', traceId: undefined });
      metrics.setRoute(request, '/v1/things');
      metrics.setRefusal(request, new NotForYou(rule));
      response.statusCode = 403;
      Object.defineProperty(response, 'writableFinished', { value: true });
      response.emit('close');
    },
  };
}

describe('HttpMetrics', () => {
  it('says at info why a request was refused and which rule decided, and nothing that was sent', () => {
    const { logger, refuse } = start();
    refuse('guests');
    const [line] = logger.lines;
    expect(line).toMatchObject({
      level: 'info',
      message: 'request answered',
      fields: { requestId: 'order-4711', status: 403, route: '/v1/things' },
    });
    expect(line?.fields).toMatchObject({
      problem: { code: 'not-for-you', title: 'The rule allows nothing of it', rule: 'guests' },
    });
    expect(JSON.stringify(line)).not.toContain('petra');
  });

  it('bounds the lines of refused strangers by time, and counts the others by code', async () => {
    const { logger, registry, metrics, refuse } = start();
    for (let n = 0; n < 1_000; n += 1) refuse(`rule ${n}`);
    metrics.beforeApplicationShutdown();
    const answered = logger.lines.filter(({ message }) => message === 'request answered');
    const counted = logger.lines.filter(({ message }) => message === 'requests answered');
    expect(answered).toHaveLength(100);
    expect(counted).toMatchObject([
      { level: 'info', fields: { code: 'not-for-you', status: 403, count: 900 } },
    ]);
    expect(await registry.metrics()).toContain('problem_responses_total{code="not-for-you"} 1000');
  });

  describe('with a server', () => {
    const { logger, registry, metrics } = start();
    let respond: (response: ServerResponse) => void = () => undefined;
    const server = createServer((request, response) => {
      metrics.measure(request, response, { requestId: 'order-4711', traceId: undefined });
      respond(response);
    });
    beforeAll(async () => once(server.listen(0, '127.0.0.1'), 'listening'));
    afterAll(() => {
      server.closeAllConnections();
      server.close();
    });

    /** Calls, and gives the line of the request when it has ended. */
    async function lineOf(
      answer: (response: ServerResponse) => void,
      client: (socket: Socket) => void = () => undefined,
    ): Promise<object | undefined> {
      logger.lines.length = 0;
      const { port } = server.address() as AddressInfo; // it listens on a port
      const socket = connect(port, '127.0.0.1');
      const begun = new Promise<void>((resolve) => {
        respond = (response) => {
          answer(response);
          resolve();
        };
      });
      socket.on('error', () => undefined).resume();
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await begun;
      client(socket);
      await expect.poll(() => logger.lines).toHaveLength(1);
      socket.destroy();
      const [line] = logger.lines;
      return line && { message: line.message, ...line.fields };
    }

    const nothing = (): void => undefined;
    const begin = (response: ServerResponse): void => void response.write('x'.repeat(100_000));

    it.each<[string, (socket: Socket) => void]>([
      ['closes its connection', (socket) => socket.destroy()],
      ['resets its connection', (socket) => socket.resetAndDestroy()],
      ['closes its half of the connection', (socket) => socket.end()],
    ])(
      'gives a request the status 499 when its client %s before the answer',
      async (_how, leave) => {
        const line = await lineOf(nothing, leave);
        expect(line).toMatchObject({ message: 'request cut off', status: 499 });
        expect(line).not.toHaveProperty('sentStatus');
        expect(await registry.metrics()).toMatch(/status="499"\} [1-9]/);
      },
    );

    it('gives it the status 499 when its client has gone in the middle of the answer', async () => {
      expect(await lineOf(begin, (socket) => socket.destroy())).toMatchObject({
        ...{ message: 'request cut off', status: 499, sentStatus: 200 },
      });
    });

    it('gives it the status of the problem for which the service closed the connection', async () => {
      const cut = (response: ServerResponse): void => {
        begin(response);
        response.destroy(new ServiceStopping());
      };
      expect(await lineOf(cut)).toMatchObject({
        ...{ message: 'request cut off', status: 503, sentStatus: 200 },
        problem: { code: 'service-stopping' },
      });
    });

    it.each<[string, (response: ServerResponse) => void]>([
      ['a short answer', (response) => response.end('ok')],
      ['an answer without a body', (response) => response.writeHead(200).end()],
      ['a long answer', (response) => response.end('x'.repeat(5_000_000))],
      [
        'the last answer of a connection',
        (response) => response.writeHead(200, { connection: 'close' }).end('ok'),
      ],
    ])('gives %s that has arrived the status that was sent', async (_what, answer) => {
      expect(await lineOf(answer)).toMatchObject({ message: 'request answered', status: 200 });
    });
  });
});
