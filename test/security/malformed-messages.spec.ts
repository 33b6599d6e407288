import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { problemDetails } from '../../apps/api/src/http/problem-details.js';
import { SECURITY_HEADERS } from '../../apps/api/src/http/security-headers.js';
import { runningService } from '../support/running-service.js';
import { routesOf } from './routes.js';

const service = runningService({ environment: { AUTHENTICATION_FAILURES_PER_MINUTE: '0' } });
let token: string;

beforeAll(async () => {
  token = await service().token('alice');
});

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Sends bytes as they are and reads until the server closes the connection. */
async function raw(bytes: string | Buffer): Promise<Answer[]> {
  const { port, hostname } = new URL(service().url);
  const { promise, resolve } = Promise.withResolvers<Answer[]>();
  const chunks: Buffer[] = [];
  const socket = connect({ port: Number(port), host: hostname }, () => socket.write(bytes));
  // Longer than the service waits for the rest of a request.
  socket.setTimeout(45_000, () => socket.destroy());
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => undefined);
  socket.on('close', () => {
    resolve(answersIn(Buffer.concat(chunks).toString('latin1')));
  });
  return promise;
}

function answersIn(text: string): Answer[] {
  const answers: Answer[] = [];
  for (let rest = text; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n');
    expect(end, `a complete head in ${rest.slice(0, 200)}`).toBeGreaterThan(0);
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    const headers = new Map(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    );
    const length = Number(headers.get('content-length') ?? 0);
    const body = rest.slice(end + 4, end + 4 + length);
    answers.push({ status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]), headers, body });
    rest = rest.slice(end + 4 + length);
  }
  return answers;
}

function get(target: string, ...headers: string[]): string {
  return [`GET ${target} HTTP/1.1`, 'Host: api', 'Connection: close', ...headers, '', ''].join(
    '\r\n',
  );
}

const targets = [
  '/docs/../v1/me/identity',
  '/docs/%2e%2e/v1/me/identity',
  '/docs/..%2fv1/me/identity',
  '/docs/%2e%2e%5cmain.js',
  '/./health/live',
  '/v1/identities/%',
  '/v1/identities/%zz',
  '/v1/identities/%ff',
  '/v1/identities/%c0%af',
  '/v1/identities/%ed%a0%80',
  '/v1/identities/%00',
  '/v1/identities/a%0d%0ab',
  '/v1/identities?subject=%00',
  '/v1/identities?subject=%E0%A4%A',
  '/v1/identities?subject=%1b[2J',
  '/v1/identities?limit=1&limit=2',
  '/v1/identities?limit=1&l%69mit=2',
  '/v1/audit/entries?action=token.issue&action=%00',
  '/health/live?a=%',
  `/v1/identities/${'a'.repeat(600)}`,
  `/v1/identities/${'a'.repeat(9_000)}`,
  '/nowhere',
  '//nowhere',
  '*',
];

const messages: readonly (readonly [string, string])[] = [
  ['nothing like HTTP', 'hello\r\n\r\n'],
  ['a TLS greeting', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\r\n\r\n'],
  ['HTTP/0.9', 'GET /\r\n\r\n'],
  ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['an HTTP version that does not exist', 'GET /health/live HTTP/9.9\r\nHost: a\r\n\r\n'],
  ['an unknown method', 'BREW /health/live HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['CONNECT', 'CONNECT api:443 HTTP/1.1\r\nHost: api:443\r\n\r\n'],
  ['no host', 'GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n'],
  ['two hosts', get('/health/live', 'Host: other')],
  ['another expectation', get('/health/live', 'Expect: cake')],
  ['headers that are too large', get('/health/live', `X-Long: ${'a'.repeat(20_000)}`)],
  ['a target beyond the limit of headers', get(`/${'a'.repeat(40_000)}`)],
  ['a zero byte in a header', get('/health/live', 'X-Zero: a\0b')],
  ['a zero byte in the target', 'GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['bytes above ASCII in the target', 'GET /é HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
  ['a header without a name', get('/health/live', ': a')],
  ['a header without a colon', get('/health/live', 'nothing')],
  ['two content lengths', get('/health/live', 'Content-Length: 1', 'Content-Length: 2')],
  ['an invalid content length', get('/health/live', 'Content-Length: 1x')],
  [
    'an invalid chunk',
    'POST /v1/me/tokens HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  ],
  ['an unknown transfer coding', get('/health/live', 'Transfer-Encoding: cow')],
];

/** Sends the bytes and asserts that every answer is a recorded problem detail. */
async function expectProblem(bytes: string | Buffer): Promise<Answer> {
  const answers = await raw(bytes);
  const shown = bytes.toString().slice(0, 100);
  expect(answers, shown).toHaveLength(1);
  const [answer] = answers;
  if (!answer) throw new Error('no answer');
  const { status, headers, body } = answer;
  expect(status, shown).toBeGreaterThanOrEqual(400);
  expect(status, shown).toBeLessThan(500);
  expect(headers.get('content-type'), shown).toBe('application/problem+json; charset=utf-8');
  const problem = problemDetails.parse(JSON.parse(body));
  expect(problem.status).toBe(status);
  expect(headers.get('x-request-id'), shown).toBe(problem.requestId);
  expect(headers.get('cache-control'), shown).toBe('no-store');
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    expect(headers.get(name), `${name} of ${shown}`).toBe(value);
  }
  await expect
    .poll(() => service().logLines.filter((line) => isAnswerLine(line, problem.requestId, status)))
    .toHaveLength(1);
  return answer;
}

function isAnswerLine(line: string, requestId: string, status: number): boolean {
  if (!line.includes(requestId)) return false;
  const entry = JSON.parse(line) as Record<string, unknown>;
  return entry.message === 'request answered' && entry.status === status;
}

/** The answers without a route that the metric has counted. */
async function countedAnswers(): Promise<number> {
  const text = await (await fetch(`${service().url}/metrics`)).text();
  return [
    ...text.matchAll(/^http_request_duration_seconds_count\{.*route="none".*\} (\d+)$/gm),
  ].reduce((sum, [, count]) => sum + Number(count), 0);
}

describe('a message that does not end', () => {
  it('is answered as all others, with 408, and the connection is closed: headers, body', async () => {
    const answers = await Promise.all([
      expectProblem('GET /health/live HTTP/1.1\r\nHost: a\r\nX-Slow:'),
      expectProblem(
        'POST /v1/me/tokens HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
      ),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([408, 408]);
  });
});

describe('a message that no route accepts', () => {
  it.each(targets)(
    'is answered as all others, with id, log line and headers: %s',
    async (target) => {
      await expectProblem(get(target, `Authorization: Bearer ${token}`));
    },
  );

  it.each(messages)('is answered as all others: %s', async (_what, text) => {
    await expectProblem(Buffer.from(text, 'latin1'));
  });

  it('is counted', async () => {
    const before = await countedAnswers();
    for (const [, text] of messages) await raw(Buffer.from(text, 'latin1'));
    // Two of them have a route: the fault is in the body of a request that is well-formed.
    await expect.poll(countedAnswers).toBe(before + messages.length - 2);
  });

  it('does not take the answer from the request before it', async () => {
    const [first] = await raw(
      `GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n${'\0'.repeat(8)} nonsense\r\n\r\n`,
    );
    expect(first?.status).toBe(200);
  });
});

const bodies: readonly (readonly [string, string | Buffer])[] = [
  ['null', 'null'],
  ['nothing', ''],
  ['a text', '"a"'],
  ['a list', '[]'],
  ['two members of one name', '{"expiresInMinutes":60,"expiresInMinutes":60}'],
  ['two members of one name, one escaped', '{"scopes":["chat"],"\\u0073copes":["voip"]}'],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ['overlong UTF-8', Buffer.from([0x7b, 0x22, 0xc0, 0x80, 0x22, 0x3a, 0x31, 0x7d])],
  ['UTF-16', Buffer.from('{}', 'utf16le')],
  ['a byte order mark', '\ufeff{}'],
  ['trailing data', '{} {}'],
  ['a zero byte at the end', '{}\0'],
  ['a zero in a text', '{"scopes":["\\u0000"]}'],
  ['a lone surrogate', '{"scopes":["\\ud800"]}'],
  ['a number out of range', '{"expiresInMinutes":1e999}'],
  ['deep nesting', `{"scopes":${'['.repeat(7_000)}${']'.repeat(7_000)}}`],
  ['__proto__', '{"__proto__":{"expiresInMinutes":60}}'],
  ['an unknown member', '{"expiresinminutes":60}'],
];

/** The routes that read a JSON body; the token is checked first, so the caller may use all of them. */
const bodyRoutes: readonly (readonly [string, string, 'alice' | 'ada' | 'grace'])[] = [
  ['POST', '/v1/me/tokens', 'alice'],
  ['POST', '/v1/me/teams-tokens', 'alice'],
  ['POST', '/v1/identities', 'ada'],
  ['POST', '/v1/identities/lookup', 'ada'],
  ['PATCH', '/v1/identities/01980000-0000-7000-8000-000000000000', 'ada'],
  ['POST', '/v1/audit/trace', 'grace'],
];

function withBody(method: string, path: string, bearer: string, body: string | Buffer): Buffer {
  const bytes = Buffer.from(body);
  const head = [
    `${method} ${path} HTTP/1.1`,
    'Host: api',
    'Connection: close',
    `Authorization: Bearer ${bearer}`,
    'Content-Type: application/json',
    'If-Match: "1"',
    `Content-Length: ${bytes.length}`,
    '',
    '',
  ];
  return Buffer.concat([Buffer.from(head.join('\r\n')), bytes]);
}

describe.each(bodyRoutes)('a body of %s %s', (method, path, who) => {
  // A token may be requested without a body.
  const wrong = path === '/v1/me/tokens' ? bodies.filter(([, body]) => body !== '') : bodies;
  it.each(wrong)('is refused: %s', async (_what, body) => {
    const { status } = await expectProblem(
      withBody(method, path, await service().token(who), body),
    );
    expect(status).toBe(400);
  });
});

describe('a token with a control character in a claim', () => {
  it.each(['sub', 'oid', 'name', 'azp', 'sid', 'x-unknown'])(
    'is refused with 401: %s',
    async (name) => {
      for (const text of ['a\0b', '\u001b[2J', 'a\r\nb', '\ud800']) {
        const forged = await service().emulator.control.mintToken({
          person: 'alice',
          claims: { [name]: text },
        });
        const { status } = await expectProblem(
          get('/v1/me/identity', `Authorization: Bearer ${forged}`),
        );
        expect(status, name).toBe(401);
      }
    },
  );
});

describe('every route', () => {
  it('answers with the security headers, whatever it answers', async () => {
    const routes = await routesOf(service());
    const paths = [
      ...routes.map(({ path }) => path.replaceAll(':id', '1').replace(/\*$/, '0/000')),
      ...['/docs', '/docs/', '/docs/swagger-ui.css', '/docs/swagger-ui-init.js', '/openapi.json'],
      ...['/nowhere', '/docs/nowhere', '/health', '/metrics', '/health/live', '/health/ready'],
    ];
    for (const path of new Set(paths))
      for (const method of [
        'GET',
        'HEAD',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
        'OPTIONS',
        'PROPFIND',
      ]) {
        const { headers } = await fetch(`${service().url}${path}`, { method });
        for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
          const isDocsPolicy = path.startsWith('/docs') && name === 'content-security-policy';
          const what = `${name} of ${method} ${path}`;
          if (isDocsPolicy) expect(headers.get(name), what).toContain("default-src 'none'");
          else expect(headers.get(name), what).toBe(value);
        }
        expect(headers.get('x-request-id'), `${method} ${path}`).toMatch(/^[\w.-]{8,64}$/);
      }
  });
});
