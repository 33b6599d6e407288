import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, type Dispatcher, request } from 'undici';

/** Somebody who wants a token. */
export interface Person {
  readonly tenant: string;
  /** Entra access token. */
  readonly bearer: string;
}

/** Somebody was told to come back. */
interface Told {
  readonly atMs: number;
  readonly seconds: number;
}

/** How it went for one person. Times run from the start of the storm. */
export interface Visit {
  readonly tenant: string;
  /** Absent when the person was given up on. */
  readonly servedAtMs: number | undefined;
  readonly told: readonly Told[];
  /** Statuses of answers that neither served nor told of the budget; 0 where none came. */
  readonly faults: readonly number[];
  readonly auditEntry: { readonly id: string; readonly index: number } | undefined;
}

/** A person gives up after so many tries. */
const MOST_TRIES = 40;

/**
 * Which replica a try goes to: by `connection` each person stays with one, as behind a balancer of
 * connections; by `request` each try goes to another by chance.
 */
export type Balancing = 'connection' | 'request';

/** Lets everyone ask at once, and come back when told to. */
export async function crowd(
  people: readonly Person[],
  urls: readonly string[],
  balancing: Balancing = 'connection',
): Promise<{ readonly visits: readonly Visit[]; readonly totalMs: number }> {
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
): Promise<Visit> {
  const told: Told[] = [];
  const faults: number[] = [];
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const url = urls[Math.floor(Math.random() * urls.length)] ?? '';
    const answer = await ask(url, bearer, agent);
    if (!answer) {
      faults.push(0);
      continue;
    }
    const body = (await answer.body.json()) as { auditEntry?: Visit['auditEntry'] };
    if (answer.statusCode === 200) {
      return { tenant, servedAtMs: elapsed(), told, faults, auditEntry: body.auditEntry };
    }
    const seconds = Number(answer.headers['retry-after']);
    if (answer.statusCode === 429 && seconds > 0) told.push({ atMs: elapsed(), seconds });
    else faults.push(answer.statusCode);
    await delay(1000 * (seconds > 0 ? seconds : 1));
  }
  return { tenant, servedAtMs: undefined, told, faults, auditEntry: undefined };
}

/** @returns `undefined` when no answer came */
async function ask(
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

/** The share of those told to come back for whom the time was right, within `tolerance` of it. */
export function toldRight(visits: readonly Visit[], tolerance: number): number {
  const judged = visits.flatMap(({ told, servedAtMs }) =>
    told.map(({ atMs, seconds }) => {
      const tookMs = (servedAtMs ?? Number.POSITIVE_INFINITY) - atMs;
      return Math.abs(tookMs - seconds * 1000) <= tolerance * tookMs;
    }),
  );
  return judged.length === 0 ? 1 : judged.filter(Boolean).length / judged.length;
}

/**
 * Jain's index of what the tenants had got when `share` of all were served, each against its part
 * in a fair division: equal parts, but nobody more than it asked for, the rest to the others.
 */
export function fairness(visits: readonly Visit[], share: number): number {
  const times = visits.map(({ servedAtMs = Number.POSITIVE_INFINITY }) => servedAtMs);
  const count = Math.floor(times.length * share);
  const until = times.toSorted((a, b) => a - b)[count - 1] ?? 0;
  const demand = Map.groupBy(visits, ({ tenant }) => tenant);
  const parts = fairParts(new Map([...demand].map(([name, { length }]) => [name, length])), count);
  const ratios = [...demand].map(([name, those]) => {
    const got = those.filter(({ servedAtMs = Number.POSITIVE_INFINITY }) => servedAtMs <= until);
    return got.length / (parts.get(name) ?? 1);
  });
  const sum = ratios.reduce((one, other) => one + other, 0);
  const squares = ratios.reduce((one, other) => one + other ** 2, 0);
  return sum ** 2 / (ratios.length * squares);
}

function fairParts(demand: ReadonlyMap<string, number>, total: number): Map<string, number> {
  const parts = new Map<string, number>();
  let rest = total;
  for (const [index, [name, wanted]] of [...demand].sort(([, a], [, b]) => a - b).entries()) {
    const part = Math.min(wanted, rest / (demand.size - index));
    parts.set(name, part);
    rest -= part;
  }
  return parts;
}
