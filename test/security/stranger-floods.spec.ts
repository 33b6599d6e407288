import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { runningService } from '../support/running-service.js';

/** What one window of ten seconds may hold at most, whatever arrives. */
const MAX_ENTRIES_PER_WINDOW = 20 + 25; // separately counted sources, and one entry for each reason
const MAX_LINES_PER_WINDOW = 450;
const WINDOW_MS = 10_000;

const REQUESTS = 6_000;
const CONNECTIONS = 20;
const PIPELINED = 25;

const service = runningService({
  environment: { TRUSTED_PROXIES: '127.0.0.0/8,::1/128', LOG_LEVEL: 'info' },
});

type Kind = 'no-token' | 'malformed' | 'signature' | 'unknown-route' | 'public-route';

const KINDS: readonly Kind[] = [
  'no-token',
  'malformed',
  'signature',
  'no-token',
  'unknown-route',
  'public-route',
];

/** One network of /64, many of them, many of /32, and IPv4 addresses: all of one stranger's choice. */
function addressOf(n: number): string {
  const hex = n.toString(16);
  const addresses = [
    `2001:db8:0:1::${hex}`,
    `2001:db8:1:${hex}::1`,
    `2${hex.padStart(4, '0').slice(-3)}:${hex}::1`,
    `198.${18 + (n % 2)}.${(n >> 8) % 256}.${n % 256}`,
  ];
  return addresses[Math.floor(n / KINDS.length) % 4] ?? '';
}

function requestOf(n: number, token: string): string {
  const kind = KINDS[n % KINDS.length];
  const authorization = kind === 'malformed' ? 'a.b.c' : kind === 'signature' ? token : undefined;
  const paths = new Map([
    ['unknown-route', `/nowhere/${n}`],
    ['public-route', '/health/live'],
  ]);
  return [
    `GET ${paths.get(kind ?? '') ?? '/v1/me/identity'} HTTP/1.1`,
    'Host: api',
    `X-Forwarded-For: ${addressOf(n)}`,
    `User-Agent: ${String(n).repeat(200)}`,
    ...(authorization === undefined ? [] : [`Authorization: Bearer ${authorization}`]),
    '',
    '',
  ].join('\r\n');
}

function open(): Socket {
  const { port, hostname } = new URL(service().url);
  return connect({ port: Number(port), host: hostname });
}

/** Sends requests over one connection, some at a time. @returns the statuses of the answers */
async function flood(requests: readonly string[]): Promise<number[]> {
  const statuses: number[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<number[]>();
  const socket = open();
  let sent = 0;
  let rest = '';
  const send = (): void => {
    socket.write(requests.slice(sent, sent + PIPELINED).join(''));
    sent = Math.min(requests.length, sent + PIPELINED);
  };
  socket.on('data', (chunk) => {
    rest += chunk.toString('latin1');
    const found = [...rest.matchAll(/HTTP\/1\.1 (\d{3}) /g)];
    const last = found.at(-1);
    if (last) rest = rest.slice(last.index + last[0].length);
    statuses.push(...found.map(([, status]) => Number(status)));
    if (statuses.length === requests.length) {
      socket.destroy();
      resolve(statuses);
    } else if (statuses.length === sent) send();
  });
  socket.on('error', reject);
  socket.on('close', () => {
    reject(new Error(`closed after ${statuses.length} answers`));
  });
  send();
  return promise;
}

/** Sends bytes that are not HTTP, each time over a connection of its own. */
async function floodOfBytes(times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const socket = open();
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(undefined);
    });
    socket.end(`BREW ${n}\r\n\r\n`);
    socket.resume();
    await promise;
  }
}

interface AnswerLine {
  readonly message: string;
  readonly count?: number;
}

describe('a flood of strangers', () => {
  it('writes a number of entries and lines that is bounded by time, with exact counts', async () => {
    const parts = (await service().token('alice')).split('.');
    const token = [parts[0], parts[1], 'A'.repeat(parts[2]?.length ?? 0)].join('.');
    const requests = Array.from({ length: REQUESTS }, (_, n) => requestOf(n, token));
    const entriesBefore = (await service().auditEntries()).length;
    const linesBefore = service().logLines.length;
    const startedAt = Date.now();
    const share = REQUESTS / CONNECTIONS;
    const bytes = floodOfBytes(500);
    const answers = await Promise.all(
      Array.from({ length: CONNECTIONS }, async (_, n) =>
        flood(requests.slice(n * share, (n + 1) * share)),
      ),
    );
    await bytes;
    const statuses = answers.flat();
    const refused = statuses.filter((status) => status === 401 || status === 429).length;
    expect(refused).toBe((REQUESTS * 4) / 6);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);

    const rejections = async () =>
      (await service().auditEntries())
        .slice(entriesBefore)
        .filter(({ action }) => action === 'authentication.reject');
    const countOfEntries = async (): Promise<number> =>
      (await rejections()).reduce((sum, { details }) => sum + Number(details?.count), 0);
    await expect.poll(countOfEntries, { timeout: 60_000, interval: 500 }).toBe(refused);

    const answerLines = () =>
      service()
        .logLines.slice(linesBefore)
        .map((line) => JSON.parse(line) as AnswerLine)
        .filter(({ message }) => /^requests? answered$/.test(message));
    const countOfLines = (): number => answerLines().reduce((sum, { count = 1 }) => sum + count, 0);
    await expect.poll(countOfLines, { timeout: 30_000 }).toBe(REQUESTS + 500);

    const windows = Math.ceil((Date.now() - startedAt) / WINDOW_MS) + 1;
    const entries = (await service().auditEntries()).slice(entriesBefore);
    expect(entries.length).toBeLessThanOrEqual(windows * MAX_ENTRIES_PER_WINDOW);
    const lines = service().logLines.slice(linesBefore);
    expect(lines.length).toBeLessThanOrEqual(windows * MAX_LINES_PER_WINDOW);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(20_000);
    const merged = (await rejections()).filter(({ details }) => Number(details?.sources) > 1);
    expect(merged.length).toBeGreaterThan(0);
    for (const { personal = {} } of merged) expect(Object.keys(personal)).toEqual([]);
    const reasons = new Set((await rejections()).map(({ reason }) => reason?.code));
    expect([...reasons].sort()).toEqual(['no-credentials', 'non-canonical-encoding', 'signature']);
  }, 180_000);
});
