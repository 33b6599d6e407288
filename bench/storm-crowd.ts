import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, type Dispatcher, request } from 'undici';
import type { Balancing, Deferral, Visit } from '#libs/request-budget/testing';
import type { Person } from './storm-people.js';

/** How one client fared against the real service. */
export interface CrowdVisit extends Visit {
  readonly clientApp: string;
  /** Problem codes of responses other than 200 and 429; `none` for no response. */
  readonly faults: readonly string[];
  /** It was deferred and did not return. */
  readonly isNoShow: boolean;
  readonly auditEntry: { readonly id: string; readonly index: number } | undefined;
}

/** How the clients behave. */
export interface CrowdOptions {
  /** Addresses of the replicas that run now. */
  readonly urls: () => readonly string[];
  /** Default: `connection`. */
  readonly balancing?: Balancing;
  /** Share of deferred clients that never return. Default: none. */
  readonly noShowRate?: number;
}

export interface Crowd {
  readonly visits: readonly CrowdVisit[];
  readonly totalMs: number;
}

/** A client gives up after this number of requests. */
const MAX_TRIES = 40;
/** A client without an answer repeats its request after up to this time. */
const MAX_RECONNECT_MS = 1000;

/** All request a token at once, and repeat a deferred request after its `Retry-After`. */
export async function crowd(people: readonly Person[], options: CrowdOptions): Promise<Crowd> {
  const agent = new Agent({ connections: people.length, headersTimeout: 60_000 });
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  try {
    const visits = await Promise.all(
      people.map(async (person) => visit(person, { ...options, agent, elapsed })),
    );
    return { visits, totalMs: elapsed() };
  } finally {
    await agent.close();
  }
}

/**
 * One person on many connections, each of which repeats its request at once when it was served, and
 * after `Retry-After` when it was deferred.
 *
 * @returns how many requests were served until the signal aborted
 */
export async function flood(
  { bearer }: Person,
  urls: () => readonly string[],
  { connections, signal }: { readonly connections: number; readonly signal: AbortSignal },
): Promise<number> {
  const agent = new Agent({ connections, headersTimeout: 60_000 });
  let served = 0;
  const connection = async (): Promise<void> => {
    while (!signal.aborted) {
      const response = await requestToken(oneOf(urls()), bearer, agent);
      await response?.body.dump();
      if (response?.statusCode === 200) {
        served += 1;
        continue;
      }
      const seconds = Number(response?.headers['retry-after'] ?? 1);
      await delay(1000 * seconds, undefined, { signal }).catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: connections }, connection));
  await agent.destroy();
  return served;
}

async function visit(
  { tenant, clientApp, bearer }: Person,
  context: CrowdOptions & { readonly agent: Agent; readonly elapsed: () => number },
): Promise<CrowdVisit> {
  const { urls, balancing = 'connection', noShowRate = 0, agent, elapsed } = context;
  const deferrals: Deferral[] = [];
  const faults: string[] = [];
  const end = (rest: Partial<CrowdVisit>): CrowdVisit => ({
    ...{ tenant, clientApp, deferrals, faults },
    ...{ servedAtMs: undefined, isNoShow: false, auditEntry: undefined },
    ...rest,
  });
  let url = oneOf(urls());
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    if (balancing === 'request' || !urls().includes(url)) url = oneOf(urls());
    const response = await requestToken(url, bearer, agent);
    if (!response) {
      faults.push('none');
      await delay(Math.random() * MAX_RECONNECT_MS);
      continue;
    }
    const body = (await response.body.json()) as Pick<CrowdVisit, 'auditEntry'> & { type?: string };
    if (response.statusCode === 200) {
      return end({ servedAtMs: elapsed(), auditEntry: body.auditEntry });
    }
    const seconds = Number(response.headers['retry-after']);
    if (response.statusCode === 429 && seconds > 0) {
      deferrals.push({ atMs: elapsed(), seconds });
      if (Math.random() < noShowRate) return end({ isNoShow: true });
    } else faults.push(body.type?.split(':').at(-1) ?? String(response.statusCode));
    await delay(1000 * (seconds > 0 ? seconds : 1));
  }
  return end({});
}

function oneOf(urls: readonly string[]): string {
  return urls[Math.floor(Math.random() * urls.length)] ?? '';
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
