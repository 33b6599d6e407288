import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { partsNotReady } from './readiness.js';

const NOT_READY = { database: 'ready', audit: 'not ready', witnesses: 'degraded' };

/** An api that gives these answers, the last one again and again. */
async function apiWith(...answers: readonly (readonly [number, object])[]): Promise<string> {
  let count = 0;
  const server = createServer((_request, response) => {
    const [status, parts] = answers[Math.min(count, answers.length - 1)] ?? [500, {}];
    count += 1;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ parts }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on TCP
}

it('waits for an api that is not ready yet', async () => {
  expect(await partsNotReady(await apiWith([503, NOT_READY], [200, {}]))).toEqual([]);
});

it('names what is still not ready', async () => {
  expect(await partsNotReady(await apiWith([503, NOT_READY]), 0)).toEqual(['audit']);
});

it('names the api when it gives no answer', async () => {
  expect(await partsNotReady('http://127.0.0.1:1', 0)).toEqual(['api']);
});
