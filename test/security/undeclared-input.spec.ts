import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { PERMISSIONS, type RouteAccess } from '#libs/authentication';
import { runningService } from '../support/running-service.js';
import { ALL_ROUTES, EXCHANGE_APIS, routesOf } from './routes.js';

const environment = {
  ...ALL_ROUTES,
  KEY_VAULT_EVENTS: 'entra',
  AUTHENTICATION_REQUESTS_PER_MINUTE: '0',
};
const service = runningService({ environment });

/** Routes whose callers may add parameters. A new route is added here on purpose. */
const TAKE_ANY_QUERY = [
  'GET /health/live',
  'GET /health/ready',
  'GET /metrics',
  'OPTIONS /v1/key-vault/events',
  'POST /v1/key-vault/events',
];
/** How routes refuse an object whose bodies are something else, or one of several objects. */
const OTHER_BODIES = {
  'POST /v1/audit/trace': { status: 400, pointers: [''] },
  'POST /v1/identities/import': { status: 415, pointers: [] },
  'POST /v1/key-vault/events': { status: 400, pointers: [''] },
  'POST /v1/teams-phone/assignments/import': { status: 415, pointers: [] },
};

let routes: readonly RouteAccess[];
let tokens: Readonly<Record<string, string>>;

beforeAll(async () => {
  routes = await routesOf(service(), environment);
  const { control } = service().emulator;
  const all = [...PERMISSIONS, 'KeyVaultEvent.Send'];
  const claims = { scp: all.join(' '), roles: all };
  tokens = { own: await control.mintToken({ person: 'alice', claims }) };
  for (const [exchange, resource] of Object.entries(EXCHANGE_APIS))
    tokens = { ...tokens, [exchange]: await control.mintToken({ person: 'alice', resource }) };
});

interface Answer {
  readonly status: number;
  /** The members that were refused. */
  readonly pointers: readonly string[];
}

async function send(
  { method, path, rules: [rule] }: RouteAccess,
  { query = '', body }: { readonly query?: string; readonly body?: string },
): Promise<Answer> {
  const concrete = path
    .replace('::', ':')
    .replace(':index', '0')
    .replace(/:(?:id|tenantId|objectId)\b/g, '01980000-0000-7000-8000-000000000000')
    .replace(/\*.*$/, '0/000');
  const api = rule?.kind === 'client-exchange' ? rule.exchange : 'own';
  const answer = await fetch(`${service().url}${concrete}${query}`, {
    method,
    headers: {
      authorization: `Bearer ${tokens[api] ?? ''}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body }),
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json') === true;
  const { errors = [] } = (isJson ? JSON.parse(text) : {}) as {
    readonly errors?: readonly { readonly pointer: string }[];
  };
  return { status: answer.status, pointers: errors.map(({ pointer }) => pointer) };
}

const nameOf = ({ method, path }: RouteAccess): string => `${method} ${path}`;

function routeOf(name: string): RouteAccess {
  const route = routes.find((one) => nameOf(one) === name);
  if (!route) throw new Error(`no route ${name}`);
  return route;
}

describe('every route', () => {
  it('refuses a parameter that it does not read', async () => {
    const accepting: string[] = [];
    for (const route of routes) {
      const { status, pointers } = await send(route, { query: '?dryrun=true' });
      if (status !== 400 || !pointers.includes('/dryrun')) accepting.push(nameOf(route));
    }
    expect(accepting.sort()).toEqual(TAKE_ANY_QUERY);
  });

  it('refuses a member of the body that it does not read', async () => {
    const others: Record<string, Answer> = {};
    for (const route of routes) {
      if (route.method === 'GET' || route.method === 'OPTIONS') continue;
      const answer = await send(route, { body: '{"dryrun":true}' });
      if (answer.status !== 400 || !answer.pointers.includes('/dryrun'))
        others[nameOf(route)] = answer;
    }
    expect(others).toEqual(OTHER_BODIES);
  });
});

describe('POST /v1/revocations', () => {
  const body = '{"everyone":true,"reason":"a drill"}';

  it('starts no revocation for a dryRun in the query', async () => {
    expect(await send(routeOf('POST /v1/revocations'), { query: '?dryRun=true', body })).toEqual({
      status: 400,
      pointers: ['/dryRun'],
    });
  });
});

// Of every object in JavaScript.
describe.each(['constructor', 'prototype', '__proto__'])('the name %s', (name) => {
  it('is refused in a query, with every other unknown one', async () => {
    const accepting: string[] = [];
    for (const route of routes) {
      const { status, pointers } = await send(route, { query: `?${name}=x` });
      if (status !== 400 || !pointers.includes(`/${name}`)) accepting.push(nameOf(route));
    }
    expect(accepting.sort()).toEqual(TAKE_ANY_QUERY);
  });

  it('is refused in a body at any depth', async () => {
    const member = `"${name}":{"dryRun":true}`;
    for (const [route, body] of [
      ['POST /v1/revocations', `{"everyone":true,"reason":"a drill",${member}}`],
      ['POST /v1/me/tokens', `{${member}}`],
      ['POST /v1/me/sign-out', `{${member}}`],
      ['POST /v1/policy/evaluate', `{"subject":{"kind":"user",${member}}}`],
    ] as const)
      expect((await send(routeOf(route), { body })).status, route).toBe(400);
  });
});

/** Sends a request as it is, in the name of somebody who may call it. @returns the status of the answer */
async function statusOfRaw(target: string, headers: readonly string[], body: string) {
  const { port, hostname } = new URL(service().url);
  const socket = connect({ port: Number(port), host: hostname });
  const lines = [`${target} HTTP/1.1`, 'Host: api', 'Connection: close', ...headers];
  // Several spaces are one separator (RFC 6750, section 2.1).
  lines.push(`Authorization: bearer   ${tokens.own ?? ''}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await new Promise(setImmediate);
  socket.write(body);
  let answer = '';
  for await (const chunk of socket.setEncoding('latin1')) answer += String(chunk);
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
}

describe('a route that ignores its query', () => {
  it.each(['/metrics?name[]=a&name[]=b', '/health/ready?a=1&a=2', '/health/live?code=1&code=2'])(
    'is served with a parameter that is repeated: %s',
    async (path) => {
      expect((await fetch(`${service().url}${path}`)).status).toBe(200);
    },
  );
});

describe('a route without a body', () => {
  it.each(['[]', 'null', '"x"', '{"dryRun":true}'])('refuses %s', async (body) => {
    for (const path of ['/v1/me/sign-out', '/v1/me/tokens/revoke'])
      expect((await send(routeOf(`POST ${path}`), { body })).status, path).toBe(400);
  });

  it('refuses a body with GET', async () => {
    const { port, hostname } = new URL(service().url);
    const headers = { authorization: `Bearer ${tokens.own ?? ''}`, 'content-length': '2' };
    const call = request({ port, hostname, path: '/v1/me', headers }).end('{}');
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(400);
  });

  it.each([
    ['Transfer-Encoding: chunked', '0\r\n\r\n'],
    ['Content-Length: 00', ''],
    ['Content-Type: text/plain\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
  ])('takes an empty body for none, however it is sent: %s', async (header, body) => {
    for (const [target, expected] of [
      ['GET /v1/me', 200],
      ['POST /v1/me/sign-out', 202],
    ] as const)
      expect(await statusOfRaw(target, [header], body), target).toBe(expected);
  });

  it.each([
    ['GET /v1/me', 'Transfer-Encoding: chunked', '2\r\n{}\r\n0\r\n\r\n', 400],
    ['GET /v1/me', 'Content-Length: 02', '{}', 400],
    ['POST /v1/me/sign-out', 'Transfer-Encoding: chunked', '2\r\n{}\r\n0\r\n\r\n', 415],
    ['POST /v1/me/sign-out', 'Content-Type: text/plain\r\nContent-Length: 2', '{}', 415],
  ])('refuses any other: %s, %s', async (target, header, body, expected) => {
    expect(await statusOfRaw(target, [header], body)).toBe(expected);
  });

  it('takes an empty object for none', async () => {
    expect((await send(routeOf('POST /v1/me/sign-out'), { body: '{}' })).status).toBe(202);
  });
});
