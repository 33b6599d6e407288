import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { runningService } from '../support/running-service.js';

const service = runningService();

/** Sends the start of a request, and nothing more. @returns all that comes back until the connection is closed */
async function answerTo(start: string): Promise<string> {
  const socket = connect(Number(new URL(service().url).port), '127.0.0.1');
  socket.write(start);
  return text(socket);
}

describe.concurrent(
  '408 in the one shape, and a closed connection, for a client that does not end',
  () => {
    it.each([
      ['its headers', 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow:'],
      [
        'its body',
        'POST /v1/me/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
      ],
    ])('%s', async (_what, start) => {
      const answer = (await answerTo(start)).toLowerCase();
      expect(answer).toMatch(/^http\/1\.1 408 /);
      expect(answer).toMatch(/content-type: application\/problem\+json/);
      expect(answer).toMatch(/x-request-id: [0-9a-f-]{36}/);
      expect(answer).toContain('x-content-type-options: nosniff');
      expect(answer).toContain('request-timed-out');
    });
  },
);
