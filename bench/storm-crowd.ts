import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, type Dispatcher, request } from 'undici';
import type { Balancing, Deferral, Visit } from '#libs/request-budget/testing';

/** A person who requests a token. */
export interface Person {
  readonly tenant: string;
  /** Entra access token. */
  readonly bearer: string;
}

/** How one client fared against the real service. */
export interface CrowdVisit extends Visit {
  /** Statuses of responses other than 200 and 429; 0 for no response. */
  readonly faults: readonly number[];
  readonly auditEntry: { readonly id: string; readonly index: number } | undefined;
}

/** A person gives up after this number of requests. */
const MAX_TRIES = 40;

/** All request a token at once, and repeat a deferred request after its `Retry-After`. */
export async function crowd(
  people: readonly Person[],
  urls: readonly string[],
  balancing: Balancing = 'connection',
): Promise<{ readonly visits: readonly CrowdVisit[]; readonly totalMs: number }> {
  const agent = new Agent({ connections: people.length, headersTimeout: 30_000 });
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  try {
    const visits = await Promise.all(
      people.map(async (person) => {
        const own = urls[Math.floor(Math.random() * urls.length)] ?? '';
        return visit(person, { urls: balancing === 'request' ? urls : [own], agent, elapsed });
      }),
    );
    return { visits, totalMs: elapsed() };
  } finally {
    await agent.close();
  }
}

async function visit(
  { tenant, bearer }: Person,
  { urls, agent, elapsed }: { urls: readonly string[]; agent: Agent; elapsed: () => number },
): Promise<CrowdVisit> {
  const deferrals: Deferral[] = [];
  const faults: number[] = [];
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const url = urls[Math.floor(Math.random() * urls.length)] ?? '';
    const response = await requestToken(url, bearer, agent);
    if (!response) {
      faults.push(0);
      continue;
    }
    const body = (await response.body.json()) as { auditEntry?: CrowdVisit['auditEntry'] };
    if (response.statusCode === 200) {
      return { tenant, servedAtMs: elapsed(), deferrals, faults, auditEntry: body.auditEntry };
    }
    const seconds = Number(response.headers['retry-after']);
    if (response.statusCode === 429 && seconds > 0) deferrals.push({ atMs: elapsed(), seconds });
    else faults.push(response.statusCode);
    await delay(1000 * (seconds > 0 ? seconds : 1));
  }
  return { tenant, servedAtMs: undefined, deferrals, faults, auditEntry: undefined };
}

/** @returns `undefined` when there was no response */
async function requestToken(
  url: string,
  bearer: string,
  agent: Agent,
): Promise<Dispatcher.ResponseData | undefined> {
  try {
    return await request(`${url}/v1/me/tokens`, {
      dispatcher: agent,
      method: 'POST',
      headers: {
        authorization: `Bearer ${bearer}`,
        'content-type': 'application/json',
        'x-request-id': randomUUID(),
      },
      body: '{}',
    });
  } catch {
    return undefined;
  }
}
