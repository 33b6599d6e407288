import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { PERMISSIONS } from '#libs/authentication';
import { runningService } from '../support/running-service.js';
import { issue, newPerson } from '../support/tokens-api.js';

const READING_PLACES = 2;
const BULK_PLACES = 2;
const UNKNOWN_ID = '01980000-0000-7000-8000-000000000000';

const service = runningService({
  environment: {
    READING_PLACES: String(READING_PLACES),
    BULK_PLACES: String(BULK_PLACES),
    SLOW_CLIENT_TIMEOUT_MS: '1000',
    // One more than the reading places: bulk work continues.
    DATABASE_POOL_SIZE: '8',
    // One of them is the background verification's, which meets the same lock.
    DATABASE_READING_CONNECTIONS: '4',
    DATABASE_TIMEOUT_MS: '30000',
    AUTHENTICATION_REQUESTS_PER_MINUTE: '0',
    AUTHENTICATION_FAILURES_PER_MINUTE: '0',
  },
});

/** The metric of requests that hold or await a place. */
async function requests(workload: string, state: 'working' | 'waiting'): Promise<number> {
  const text = await (await fetch(`${service().url}/metrics`)).text();
  const line = new RegExp(
    `^workload_requests\\{workload="${workload}",state="${state}"\\} (\\d+)$`,
    'm',
  );
  return Number(line.exec(text)?.[1]);
}

/** A new person with every permission. */
async function reader(): Promise<string> {
  return service().emulator.control.mintToken({
    person: 'alice',
    claims: { oid: randomUUID(), scp: PERMISSIONS.join(' '), roles: [...PERMISSIONS] },
  });
}

async function send(
  method: string,
  path: string,
  token: string,
  { body, signal }: { body?: string; signal?: AbortSignal } = {},
): Promise<Response> {
  return fetch(`${service().url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body }),
    ...(signal && { signal }),
  });
}

const WINDOW = 'from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z';

/** Takes every reading place, with requests that wait for a lock, while `meanwhile` runs. */
async function whileReadingIsFull(meanwhile: () => Promise<void>, signal?: AbortSignal) {
  const readers = await Promise.all(Array.from({ length: READING_PLACES }, reader));
  let answers: Promise<number>[] = [];
  await service().hold('LOCK TABLE audit_statistic_run', async () => {
    answers = readers.map(async (token) =>
      send('GET', `/v1/audit/statistics?${WINDOW}`, token, signal && { signal }).then(
        ({ status }) => status,
        () => -1,
      ),
    );
    await expect.poll(async () => requests('reading', 'working')).toBe(READING_PLACES);
    await meanwhile();
  });
  return Promise.all(answers);
}

/** Opens a request by hand, so that its answer is read, or its body sent, as slowly as the test needs. */
async function open(head: readonly string[], token: string): Promise<Socket> {
  const { hostname, port } = new URL(service().url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  const [first, ...rest] = head;
  const lines = [first, `host: ${hostname}`, `authorization: Bearer ${token}`, ...rest, '', ''];
  socket.pause();
  socket.write(lines.join('\r\n'));
  return socket;
}

const IMPORT = [
  'POST /v1/identities/import HTTP/1.1',
  'content-type: application/x-ndjson',
  'transfer-encoding: chunked',
];

beforeAll(async () => {
  await issue(service(), await newPerson(service()));
});

describe('while every reading place is taken', () => {
  it('tokens are issued, health answers, and reading gets 503 with Retry-After', async () => {
    const answers = await whileReadingIsFull(async () => {
      await issue(service(), await newPerson(service()));
      expect((await fetch(`${service().url}/health/ready`)).status).toBe(200);
      const attempts = [
        ['GET', '/v1/audit/entries?limit=1000'],
        ['GET', `/v1/audit/entries/${UNKNOWN_ID}`],
        ['GET', `/v1/audit/entries/${UNKNOWN_ID}/proof`],
        ['GET', '/v1/audit/log/checkpoint'],
        ['GET', '/v1/audit/log/tile/0/000'],
        ['GET', '/v1/audit/log/tile/entries/000'],
        ['POST', '/v1/audit/trace', '{"token":"x"}'],
        ['GET', '/v1/identities'],
        ['POST', '/v1/identities/lookup', '{"invalid":1}' /* refused before it is validated */],
        ['POST', '/v1/policy/evaluate', '{}'],
      ] as const;
      const refuse = async ([method, path, body]: (typeof attempts)[number]) => {
        const refused = await send(
          method,
          path,
          await reader(),
          body === undefined ? {} : { body },
        );
        expect(refused.status, path).toBe(503);
        expect(Number(refused.headers.get('retry-after')), path).toBeGreaterThan(0);
        expect(await refused.json(), path).toMatchObject({
          type: 'urn:acs-identity:problem:service-busy',
        });
      };
      await Promise.all(attempts.map(refuse));
      const exported = await send('GET', '/v1/identities/export', await reader());
      expect(exported.status, 'bulk work has places of its own').toBe(200);
      await exported.text();
      await issue(service(), await newPerson(service()));
    });
    expect(answers).toEqual([200, 200]);
    await expect.poll(async () => requests('reading', 'working')).toBe(0);
  });

  it('callers who hang up give their places back, in the queue as well', async () => {
    const aborter = new AbortController();
    const { signal } = aborter;
    await whileReadingIsFull(async () => {
      const queued = send('GET', '/v1/identities', await reader(), { signal }).catch(
        () => undefined,
      );
      await expect.poll(async () => requests('reading', 'waiting')).toBe(1);
      aborter.abort();
      await queued;
      await expect.poll(async () => requests('reading', 'waiting')).toBe(0);
    }, signal);
    await expect.poll(async () => requests('reading', 'working')).toBe(0);
    expect((await send('GET', '/v1/identities', await reader())).status).toBe(200);
  });
});

describe('one auditor', () => {
  it('cannot take all places', async () => {
    const greedy = await reader();
    await service().hold('LOCK TABLE audit_statistic_run', async () => {
      const aborter = new AbortController();
      const path = `/v1/audit/statistics?${WINDOW}`;
      const all = Array.from({ length: 20 }, async () =>
        send('GET', path, greedy, { signal: aborter.signal }).catch(() => undefined),
      );
      await expect.poll(async () => requests('reading', 'waiting')).toBeGreaterThan(0);
      expect(await requests('reading', 'working')).toBe(1);
      expect((await send('GET', '/v1/identities', await reader())).status).toBe(200);
      aborter.abort();
      await Promise.all(all);
    });
    await expect.poll(async () => requests('reading', 'working')).toBe(0);
  });
});

describe('while every bulk place is taken', () => {
  it('tokens are taken back and people deleted at once', async () => {
    const importing = await Promise.all(Array.from({ length: BULK_PLACES }, reader));
    const [greedy] = importing;
    const person = await newPerson(service());
    await issue(service(), person);
    const sockets = await Promise.all(importing.map(async (token) => open(IMPORT, token)));
    const lines = `${' '.repeat(1023)}\n`.repeat(20); // empty ones, fast enough
    const drip = setInterval(() => {
      for (const socket of sockets) {
        socket.write(`${lines.length.toString(16)}\r\n${lines}\r\n`);
      }
    }, 200);
    try {
      await expect.poll(async () => requests('bulk', 'working')).toBe(BULK_PLACES);
      const post = async (path: string, body: object): Promise<number> =>
        (await send('POST', path, greedy ?? '', { body: JSON.stringify(body) })).status;
      expect(await post('/v1/revocations', { everyone: true, reason: 'a leak' })).toBe(202);
      expect([200, 202]).toContain(await post('/v1/identities/erase', { subject: person.oid }));
      expect(await requests('bulk', 'working')).toBe(BULK_PLACES);
    } finally {
      clearInterval(drip);
      for (const socket of sockets) socket.destroy();
    }
    await expect.poll(async () => requests('bulk', 'working')).toBe(0);
  });
});

describe('a slow client', () => {
  it('that does not read its export loses its place', async () => {
    const { tenant } =
      (await service().rows<{ tenant: string }>('SELECT tenant FROM mapping LIMIT 1'))[0] ?? {};
    await service().rows(
      `INSERT INTO mapping (id, resource, tenant, subject, kind, status, display_name)
       SELECT gen_random_uuid(), 'main', $1, rpad('slow-' || n, 250, 'x'), 'user', 'pending', repeat('💥', 200)
       FROM generate_series(1, 20000) AS n`,
      [tenant],
    );
    const sockets = await Promise.all(
      Array.from({ length: BULK_PLACES }, async () =>
        open(['GET /v1/identities/export HTTP/1.1'], await reader()),
      ),
    );
    await expect.poll(async () => requests('bulk', 'working')).toBe(BULK_PLACES);
    await issue(service(), await newPerson(service()));
    await expect.poll(async () => requests('bulk', 'working')).toBe(0);
    for (const socket of sockets) socket.destroy();
  });

  it('that does not send its import loses its place, also when it sends a little', async () => {
    const sockets = await Promise.all(
      Array.from({ length: BULK_PLACES }, async () => open(IMPORT, await reader())),
    );
    const drip = setInterval(() => sockets[0]?.write('1\r\n\n\r\n'), 100);
    try {
      await expect.poll(async () => requests('bulk', 'working')).toBe(BULK_PLACES);
      await issue(service(), await newPerson(service()));
      await expect.poll(async () => requests('bulk', 'working')).toBe(0);
    } finally {
      clearInterval(drip);
      for (const socket of sockets) socket.destroy();
    }
  });
});

describe('an import of empty lines', () => {
  it('is answered by every other request meanwhile, and ends at the limit of lines', async () => {
    const imported = fetch(`${service().url}/v1/identities/import`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await reader()}`,
        'content-type': 'application/x-ndjson',
      },
      body: '\n'.repeat(10_000_000),
    });
    await issue(service(), await newPerson(service()));
    const lines = (await (await imported).text()).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({ line: 1_000_001, outcome: 'failed' }),
      { summary: expect.objectContaining({ isComplete: false, failed: 1 }) as unknown },
    ]);
    await expect.poll(async () => requests('bulk', 'working')).toBe(0);
  });
});

describe('a page of many entries', () => {
  it('is the same JSON as a short one, in pieces', async () => {
    const token = await reader();
    for (let n = 0; n < 60; n += 1) await send('GET', '/v1/audit/log/tile/entries/000.p/1', token);
    const page = await send('GET', '/v1/audit/entries?limit=60', token);
    expect(page.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const { items, nextCursor } = (await page.json()) as {
      items: { index: number }[];
      nextCursor: string;
    };
    expect(items).toHaveLength(60);
    expect(nextCursor).toBe(String(items.at(-1)?.index));
  });
});
