import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { ConnectionLimits } from './connection-limits.js';

const GET = 'GET / HTTP/1.1\r\nHost: api\r\n\r\n';

/** A connection to a server with the limits; the answers stay in it until somebody reads. */
async function connectTo(answer: RequestListener, timeoutMs: number): Promise<Socket> {
  const limits = new ConnectionLimits();
  const server = createServer((request, response) => {
    if (limits.admit(request, response)) answer(request, response);
  });
  limits.attach(server, timeoutMs);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const client = connect(port, '127.0.0.1');
  client.on('error', () => undefined); // a reset, when it is closed with data that nobody read
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  await once(client, 'connect');
  return client;
}

it('closes a connection with more than 32 requests that wait for their answers', async () => {
  let admitted = 0;
  const client = await connectTo(() => {
    admitted += 1;
  }, 60_000);
  client.write(GET.repeat(40));
  client.resume();
  await once(client, 'close');
  expect(admitted).toBe(32);
});

it('keeps a connection that sends one request after the other', async () => {
  const client = await connectTo((_request, response) => response.end('.'), 60_000);
  for (let nth = 0; nth < 100; nth += 1) {
    client.write(GET);
    await once(client, 'data');
  }
  expect(client.destroyed).toBe(false);
});

it('closes a connection whose client does not take an answer', async () => {
  const client = await connectTo((_request, response) => {
    response.end(Buffer.alloc(50_000_000));
  }, 200);
  // Not by `once`, which the reset would reject.
  const closed = new Promise((resolve) => client.once('close', resolve));
  client.write(GET);
  // Not read: the client finds out when it writes.
  const timer = setInterval(() => client.write(GET), 50);
  onTestFinished(() => {
    clearInterval(timer);
  });
  await closed;
});

it('keeps a connection whose client takes a long answer bit by bit', async () => {
  const length = 1_000_000;
  const client = await connectTo((_request, response) => {
    response.end(Buffer.alloc(length));
  }, 400);
  client.write(GET);
  let taken = 0;
  client.on('data', (bytes) => {
    taken += bytes.length;
    client.pause();
    setTimeout(() => client.resume(), 20);
  });
  await expect.poll(() => taken).toBeGreaterThan(length);
  expect(client.destroyed).toBe(false);
});
