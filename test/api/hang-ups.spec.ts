import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { runningService } from '../support/running-service.js';

const service = runningService({
  environment: {
    // The first call of a kind passes; the next one waits for a minute, unless its caller leaves.
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
  /** 'gone' once the caller has hung up. */
  readonly answer: Promise<number | 'gone'>;
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
    () => 'gone' as const,
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

async function someone(): Promise<string> {
  return service().emulator.control.mintToken({ person: 'alice', claims: { oid: randomUUID() } });
}

/** How many wait in the queue for ACS. */
async function waiting(operation: string): Promise<number> {
  const text = await (await fetch(`${service().url}/metrics`)).text();
  const line = new RegExp(
    `^acs_budget_waiting\\{[^}]*operation="${operation}"[^}]*\\} (\\d+)$`,
    'm',
  );
  return Number(line.exec(text)?.[1] ?? 0);
}

async function untilWaiting(operation: string, count: number): Promise<void> {
  await expect.poll(async () => waiting(operation), { timeout: 30_000 }).toBe(count);
}

/** Until a statement waits for a lock. */
async function untilHeld(): Promise<void> {
  const held = async (): Promise<number> => {
    const rows = await service().rows(
      `SELECT 1 FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return rows.length;
  };
  await expect.poll(held, { timeout: 30_000 }).toBeGreaterThan(0);
}

/** Until the api has ended its work for the request because nobody waits for the answer. */
async function untilGivenUp({ requestId }: Sent): Promise<void> {
  const isGivenUp = (): boolean =>
    service().logLines.some(
      (line) => line.includes(requestId) && line.includes('"request-aborted"'),
    );
  await expect.poll(isGivenUp, { timeout: 30_000 }).toBe(true);
}

describe('a caller who hangs up', () => {
  it('frees the place of a creation in the queue for ACS', { timeout: 90_000 }, async () => {
    expect(await create().answer).toBe(201);
    const [first, second] = [create(), create()];
    await untilWaiting('create', 2);
    first.hangUp();
    await untilWaiting('create', 1);
    await untilGivenUp(first);
    second.hangUp();
    await untilWaiting('create', 0);
    expect(await second.answer).toBe('gone');
  });

  it('frees the place of a deletion; the deletion itself stays', { timeout: 90_000 }, async () => {
    const rows = await service().rows<{ id: string }>(
      `SELECT id FROM mapping WHERE status = 'active' LIMIT 1`,
    );
    const id = rows[0]?.id ?? '';
    // Another one uses up the budget: ACS is asked once only.
    const token = await someone();
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
  });

  it('stops waiting for the identity that another request makes', { timeout: 90_000 }, async () => {
    const token = await someone();
    const first = send('POST', '/v1/me/tokens', token, {});
    await untilWaiting('createWithToken', 1);
    const second = send('POST', '/v1/me/tokens', token, {});
    // Held once where it looks for its identity, and again in its turns of waiting.
    const lock = 'LOCK TABLE mapping IN ACCESS EXCLUSIVE MODE';
    await service().hold(lock, untilHeld);
    await service().hold(lock, async () => {
      await untilHeld();
      second.hangUp();
      expect(await second.answer).toBe('gone');
    });
    await untilGivenUp(second);
    expect(await waiting('createWithToken')).toBe(1);
    first.hangUp();
    await untilWaiting('createWithToken', 0);
  });
});
