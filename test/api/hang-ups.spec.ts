import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { beforeAll, describe, expect, it } from 'vitest';
import { runningService } from '../support/running-service.js';
import { newPerson } from '../support/tokens-api.js';

const service = runningService({
  environment: {
    // The first call of each operation passes; the next waits until its caller hangs up.
    ACS_BUDGET_CREATE: '1',
    ACS_BUDGET_CREATE_WITH_TOKEN: '1',
    ACS_BUDGET_DELETE: '1',
    ACS_BUDGET_WINDOW_MS: '3600000',
    ACS_BUDGET_MAX_WAIT_MS: '60000',
    MAPPING_WAIT_MS: '60000',
    MAPPING_LEASE_MS: '300000',
    MAPPING_SWEEP_SECONDS: '3600',
  },
});
let administrator: string;

beforeAll(async () => {
  administrator = await service().token('ada');
});

interface Sent {
  readonly requestId: string;
  /** Its status; 'aborted' when the caller hung up before. */
  readonly answer: Promise<number | 'aborted'>;
  hangUp(): void;
}

function send(method: string, path: string, token: string, body?: object): Sent {
  const requestId = randomUUID();
  const stop = new AbortController();
  const answer = fetch(`${service().url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      'x-request-id': requestId,
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
    signal: stop.signal,
  }).then(
    ({ status }) => status,
    () => 'aborted' as const,
  );
  return {
    requestId,
    answer,
    hangUp: () => {
      stop.abort();
    },
  };
}

function create(subject = randomUUID()): Sent {
  return send('POST', '/v1/identities', administrator, { kind: 'user', subject });
}

/** Number of requests in the queue for ACS. */
async function waiting(operation: string): Promise<number> {
  const text = await (await fetch(`${service().url}/metrics`)).text();
  const line = new RegExp(
    `^acs_budget_waiting\\{[^}]*operation="${operation}"[^}]*\\} (\\d+)$`,
    'm',
  );
  return Number(line.exec(text)?.[1] ?? 0);
}

async function untilWaiting(operation: string, count: number): Promise<void> {
  await expect.poll(async () => waiting(operation)).toBe(count);
}

/** Waits until a statement waits for a lock. */
async function untilLocked(): Promise<void> {
  const locked = async (): Promise<number> => {
    const rows = await service().rows(
      `SELECT 1 FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return rows.length;
  };
  await expect.poll(locked).toBeGreaterThan(0);
}

/** Waits until the api has stopped working on the request because its caller hung up. */
async function untilAborted({ requestId }: Sent): Promise<void> {
  const isAborted = (): boolean =>
    service().logLines.some(
      (line) => line.includes(requestId) && line.includes('"request-aborted"'),
    );
  await expect.poll(isAborted).toBe(true);
}

describe('a caller who hangs up', () => {
  it('removes its creation from the queue for ACS', { timeout: 90_000 }, async () => {
    expect(await create().answer).toBe(201);
    const [first, second] = [create(), create()];
    await untilWaiting('create', 2);
    first.hangUp();
    await untilWaiting('create', 1);
    await untilAborted(first);
    second.hangUp();
    await untilWaiting('create', 0);
    expect(await second.answer).toBe('aborted');
  });

  it(
    'removes its deletion from the queue for ACS; the mapping stays in deletion',
    { timeout: 90_000 },
    async () => {
      const rows = await service().rows<{ id: string }>(
        `SELECT id FROM mapping WHERE status = 'active' LIMIT 1`,
      );
      const id = rows[0]?.id ?? '';
      // Another deletion uses up the budget of one.
      const { bearer: token } = await newPerson(service());
      expect(await send('POST', '/v1/me/tokens', token, {}).answer).toBe(200);
      const mine = await fetch(`${service().url}/v1/me/identity`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const { id: other } = (await mine.json()) as { id: string };
      expect(await send('DELETE', `/v1/identities/${other}`, administrator).answer).toBe(200);
      const deletion = send('DELETE', `/v1/identities/${id}`, administrator);
      await untilWaiting('delete', 1);
      deletion.hangUp();
      await untilWaiting('delete', 0);
      const [row] = await service().rows<{ status: string }>(
        'SELECT status FROM mapping WHERE id = $1',
        [id],
      );
      expect(row?.status).toBe('deleting');
    },
  );

  it(
    'stops waiting for the identity that another request creates',
    { timeout: 90_000 },
    async () => {
      const { bearer: token } = await newPerson(service());
      const first = send('POST', '/v1/me/tokens', token, {});
      await untilWaiting('createWithToken', 1);
      const second = send('POST', '/v1/me/tokens', token, {});
      // It waits for the lock when it first looks for the identity, and again when it polls for it.
      const lock = 'LOCK TABLE mapping IN ACCESS EXCLUSIVE MODE';
      await service().hold(lock, untilLocked);
      await service().hold(lock, async () => {
        await untilLocked();
        second.hangUp();
        expect(await second.answer).toBe('aborted');
      });
      await untilAborted(second);
      expect(await waiting('createWithToken')).toBe(1);
      first.hangUp();
      await untilWaiting('createWithToken', 0);
    },
  );
});

describe('an idle connection', () => {
  it('is kept for longer than load balancers keep theirs', async () => {
    const agent = new Agent({ keepAlive: true });
    const [answer] = (await once(get(`${service().url}/health/live`, { agent }), 'response')) as [
      IncomingMessage,
    ];
    await once(answer.resume(), 'end');
    agent.destroy();
    const [, seconds] = /timeout=(\d+)/.exec(String(answer.headers['keep-alive'])) ?? [];
    expect(Number(seconds)).toBeGreaterThan(60);
  });
});
