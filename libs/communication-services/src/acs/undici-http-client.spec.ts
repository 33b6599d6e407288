import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createPipelineRequest, type PipelineResponse } from '@azure/core-rest-pipeline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OutboundHttp } from '#libs/platform';
import {
  CallExpired,
  NoResponse,
  sendIf,
  targetOf,
  UndiciHttpClient,
} from './undici-http-client.js';

const OURS = 'ms-cv: cv\r\ncontent-type: application/json\r\n';

describe('UndiciHttpClient', () => {
  let server: Server;
  let client: UndiciHttpClient;
  let sockets: Socket[];
  let received: string;
  /** Parts of the answer, each in a packet of its own; `undefined` ends the connection. */
  let answer: readonly (string | Buffer | undefined)[];

  beforeEach(async () => {
    [sockets, received, answer] = [[], '', []];
    server = createServer((socket) => {
      sockets.push(socket.setNoDelay(true).on('error', () => undefined));
      socket.on('data', (bytes) => {
        received += bytes.toString();
        void (async () => {
          for (const part of answer) {
            if (part === undefined) socket.destroy();
            else await new Promise((sent) => socket.write(part, sent));
          }
        })();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = new UndiciHttpClient(
      new OutboundHttp().dispatcher({ connections: 1, timeoutMs: 5_000 }),
    );
  });

  afterEach(async () => {
    await client.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  async function send(abortSignal?: AbortSignal): Promise<PipelineResponse> {
    const { port } = server.address() as AddressInfo; // it listens on a port
    const url = `http://127.0.0.1:${port}/identities?api-version=1`;
    return client.sendRequest(
      createPipelineRequest({
        url,
        method: 'POST',
        body: '{}',
        ...(abortSignal && { abortSignal }),
      }),
    );
  }

  async function failureOf(sending: Promise<unknown>): Promise<unknown> {
    return sending.then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  it('reads an answer in any pieces, behind an informational one', async () => {
    const body = Buffer.from('{"name":"Zoë 😀"}');
    const head = `HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n${OURS}x-two: a\r\nx-two: b\r\ncontent-length: ${body.length}\r\n\r\n`;
    answer = [head, body.subarray(0, 12), body.subarray(12, 14), body.subarray(14)];
    const { status, headers, bodyAsText } = await send();
    expect({ status, bodyAsText }).toEqual({ status: 200, bodyAsText: '{"name":"Zoë 😀"}' });
    expect(headers.get('x-two')).toBe('a,b');
    expect(received).toMatch(/^POST \/identities\?api-version=1 HTTP\/1\.1\r\n/);
  });

  it('sends nothing for a call that may no longer begin, and says so', async () => {
    expect(await failureOf(sendIf(() => false, send))).toBeInstanceOf(CallExpired);
    const aborted = AbortSignal.abort(new Error('gone'));
    expect(await failureOf(send(aborted))).toMatchObject({ name: 'NoResponse', wasSent: false });
    answer = [`HTTP/1.1 204 No Content\r\n${OURS}\r\n`];
    expect((await send()).status).toBe(204);
    expect(received.match(/POST/g)).toHaveLength(1);
  });

  it('names the server that can not be reached, and what to look at', async () => {
    const unreachable = createPipelineRequest({ url: 'https://127.0.0.1:1/identities' });
    expect(await failureOf(client.sendRequest(unreachable))).toMatchObject({
      code: 'ECONNREFUSED',
      message: expect.stringMatching(
        /^127\.0\.0\.1:1 gave no answer \(ECONNREFUSED\): check its address/,
      ) as string,
    });
  });

  it('does not send a call later that was aborted while it waited for the connection', async () => {
    const stop = new AbortController();
    const first = send();
    const waiting = failureOf(send(stop.signal));
    stop.abort(new Error('gone'));
    expect(await waiting).toMatchObject({ wasSent: false });
    await expect.poll(() => received).toContain('POST');
    sockets[0]?.write(`HTTP/1.1 204 No Content\r\n${OURS}\r\n`);
    await first;
    answer = [`HTTP/1.1 204 No Content\r\n${OURS}\r\n`];
    await send();
    expect(received.match(/POST/g)).toHaveLength(2);
  });

  it('rejects at once when it is aborted, and gives up the connection', async () => {
    const stop = new AbortController();
    const sending = failureOf(send(stop.signal));
    await expect.poll(() => received).toContain('POST');
    stop.abort(new DOMException('late', 'TimeoutError'));
    expect(await sending).toMatchObject({ wasSent: true, code: 'TimeoutError' });
    await expect.poll(() => sockets[0]?.destroyed).toBe(true);
  });

  it.each([
    ['nothing', [undefined]],
    ['half of the head', ['HTTP/1.1 200 OK\r\nms-cv', undefined]],
    ['half of the body', [`HTTP/1.1 200 OK\r\n${OURS}content-length: 9\r\n\r\n{"a"`, undefined]],
    ['too much', [`HTTP/1.1 200 OK\r\n${OURS}\r\n{"a":"`, 'x'.repeat(1 << 21), undefined]],
  ])('takes %s for no answer to a request that was sent', async (_name, parts) => {
    answer = parts;
    const failure = await failureOf(send());
    expect(failure).toBeInstanceOf(NoResponse);
    expect(failure).toMatchObject({ wasSent: true });
  });
});

describe('targetOf', () => {
  it.each(['https://a.example/', 'https://a.example:8443/x/8%3Aacs%3A1?v=1', 'http://[::1]:80/?/'])(
    'splits %s as a URL is',
    (url) => {
      const { origin, path } = targetOf(url);
      expect(origin + path).toBe(url);
      const { host, pathname, search } = new URL(url);
      expect(path).toBe(pathname + search);
      expect(new URL(origin).host).toBe(host);
    },
  );
});
