import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RouteAccess } from '#libs/authentication';
import { runningService } from '../support/running-service.js';
import { routesOf } from './routes.js';

const service = runningService({ environment: { AUTHENTICATION_FAILURES_PER_MINUTE: '0' } });
let routes: readonly RouteAccess[];

beforeAll(async () => {
  routes = await routesOf(service());
}, 60_000);

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'PROPFIND'];

function concrete(path: string): string {
  return path.replaceAll(':id', '01980000-0000-7000-8000-000000000000').replace(/\*$/, '0/000');
}

/** Whether the router has a route for the method and the path. */
function isServed(method: string, path: string): boolean {
  const wanted = method === 'HEAD' ? 'GET' : method;
  return routes.some((route) => {
    const pattern = route.path.replaceAll(':id', '[^/]+').replace(/\*$/, '.*');
    return route.method === wanted && new RegExp(`^${pattern}$`).test(path);
  });
}

/** Sends the lines as they are. @returns all that the server sent until the end of the connection */
async function raw(lines: readonly string[]): Promise<string> {
  const { port, hostname } = new URL(service().url);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let answer = '';
  const socket = connect({ port: Number(port), host: hostname }, () => {
    socket.end(lines.join('\r\n'));
  });
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
  socket.on('close', () => {
    resolve(answer);
  });
  socket.on('error', reject);
  return promise;
}

/** Header lines by which two servers could disagree on the end of the request. */
const ambiguous: readonly (readonly [string, readonly string[]])[] = [
  [
    'content length and transfer coding',
    ['Content-Length: 4', 'Transfer-Encoding: chunked', '', '0', '', ''],
  ],
  ['two content lengths', ['Content-Length: 0', 'Content-Length: 4', '', 'abcd']],
  ['an invalid content length', ['Content-Length: +4', '', 'abcd']],
  ['two transfer codings', ['Transfer-Encoding: chunked, identity', '', '0', '', '']],
  ['a space before the colon', ['Transfer-Encoding : chunked', '', '0', '', '']],
  ['a folded header', ['X-Folded: a', ' b', 'Content-Length: 0', '', '']],
  ['a bare line feed in a header', ['X-Cut: a\nContent-Length: 4', '', 'abcd']],
  ['a zero byte in a header', ['X-Zero: a\0b', 'Content-Length: 0', '', '']],
];

describe('responses', () => {
  it('have a content type, with the character set of a text, and are never redirects', async () => {
    const token = await service().token('alice');
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const paths = [
      ...routes.map(({ path }) => concrete(path)),
      '/nowhere',
      '/openapi.json',
      '/docs',
    ];
    for (const path of new Set(paths))
      for (const method of ['GET', 'POST'])
        for (const sent of [headers, undefined]) {
          const answer = await fetch(`${service().url}${path}`, {
            method,
            redirect: 'manual',
            ...(sent && { headers: sent }),
            ...(sent && method === 'POST' && { body: '{}' }),
          });
          const what = `${method} ${path}`;
          const type = answer.headers.get('content-type') ?? '';
          if ((await answer.text()) !== '') expect(type, what).toMatch(/^[a-z]+\/[a-z0-9.+-]+/);
          if (type.startsWith('text/')) expect(type.toLowerCase(), what).toContain('charset=utf-8');
          expect(Math.floor(answer.status / 100), what).not.toBe(3);
        }
  });
});

describe('methods', () => {
  it('other than those of declared routes are answered with 404', async () => {
    for (const path of new Set(routes.map((route) => concrete(route.path))))
      for (const method of METHODS) {
        if (isServed(method, path)) continue;
        const { status } = await fetch(`${service().url}${path}`, { method });
        expect(status, `${method} ${path}`).toBe(404);
      }
  });

  it('HEAD needs the same permission as GET', async () => {
    for (const { method, path, rules } of routes) {
      if (method !== 'GET' || rules[0]?.kind === 'public') continue;
      const { status } = await fetch(`${service().url}${concrete(path)}`, { method: 'HEAD' });
      expect(status, `HEAD ${path}`).toBe(401);
    }
  });
});

describe('requests with an ambiguous end', () => {
  it.each(ambiguous)('are refused, and the connection is closed: %s', async (_case, lines) => {
    const hidden = ['GET /health/live HTTP/1.1', 'Host: hidden', '', ''];
    const answer = await raw(['POST /v1/me/tokens HTTP/1.1', 'Host: api', ...lines, ...hidden]);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
  });
});
