import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Refusal, toProblemDetails } from './problem-details.js';
import { SECURITY_HEADERS } from './security-headers.js';

/** Time to read what a refused client still sends. A close before that could destroy the answer. */
const LINGER_MS = 1_000;

function headersOf(error: Refusal, body: Buffer): Record<string, string> {
  return {
    'cache-control': 'no-store',
    connection: 'close',
    'content-length': String(body.length),
    'content-type': 'application/problem+json; charset=utf-8',
    ...(error.retryAfterSeconds !== undefined && {
      'retry-after': String(error.retryAfterSeconds),
    }),
  };
}

function bodyOf(error: Refusal, requestId: string): Buffer {
  return Buffer.from(JSON.stringify(toProblemDetails(error, requestId)));
}

/** Answers a request that no route may see, and closes the connection. */
export function writeProblem(response: ServerResponse, error: Refusal, requestId: string): void {
  const body = bodyOf(error, requestId);
  response.writeHead(error.status, headersOf(error, body));
  response.end(body);
}

/** Answers bytes that are not a request, and closes the connection. */
export function writeProblemToSocket(socket: Duplex, error: Refusal, requestId: string): void {
  const body = bodyOf(error, requestId);
  const headers = {
    ...SECURITY_HEADERS,
    ...headersOf(error, body),
    date: new Date().toUTCString(),
    'x-request-id': requestId,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const head = [`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`, ...lines, '', ''];
  socket.end(Buffer.concat([Buffer.from(head.join('\r\n')), body]));
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
