import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { runningService } from '../support/running-service.js';

const service = runningService();

it('answers 408 in the one shape to a client that does not end its headers, and closes', async () => {
  const socket = connect(Number(new URL(service().url).port), '127.0.0.1');
  socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow:');
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(answer.toLowerCase()).toMatch(/content-type: application\/problem\+json/);
  expect(answer.toLowerCase()).toMatch(/x-request-id: [0-9a-f-]{36}/);
  expect(answer.toLowerCase()).toContain('x-content-type-options: nosniff');
  expect(answer).toContain('request-timed-out');
});
