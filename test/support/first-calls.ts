import type { Service } from './service.js';
import { type IssuedToken, newPerson, type Person } from './tokens-api.js';

/** Limits of ACS that no burst reaches; the emulator must have none. */
export const UNLIMITED_ACS = {
  ACS_BUDGET_CREATE_WITH_TOKEN: '100000',
  ACS_BUDGET_CREATE: '100000',
  ACS_BUDGET_ISSUE: '100000',
} as const;

/** An answer to `POST /v1/me/tokens`. */
export interface Answer {
  readonly status: number;
  readonly body: IssuedToken & { readonly type?: string };
}

/** Requests a token without the checks of `requestToken`, which would slow a burst down. */
export async function firstCall(url: string, { bearer }: Person): Promise<Answer> {
  const response = await fetch(`${url}/v1/me/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: '{}',
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

/** Signs people in whom the service has not seen before. */
export async function newPeople(service: Service, count: number): Promise<Person[]> {
  const people: Person[] = [];
  while (people.length < count) {
    people.push(
      ...(await Promise.all(
        Array.from({ length: Math.min(50, count - people.length) }, async () => newPerson(service)),
      )),
    );
  }
  return people;
}

/** The `token.issue` entries of people. */
export async function issuances(
  service: Service,
  people: readonly Person[],
): Promise<{
  /** Ids of those that say that somebody has received a token. */
  readonly successes: readonly string[];
  /** Ids of those whose tokens were withheld after all. */
  readonly withheld: readonly string[];
}> {
  const subjects = new Set(people.map(({ oid }) => oid));
  const all = await service.auditEntries();
  const entries = all.filter(
    ({ action, target }) => action === 'token.issue' && subjects.has(target?.subject ?? ''),
  );
  const late = entries.filter(({ reason }) => reason?.code === 'audit-late');
  return {
    successes: entries.filter(({ outcome }) => outcome === 'success').map(({ id }) => id),
    withheld: late.map(({ details }) => all[Number(details?.entryIndex)]?.id ?? 'none'),
  };
}

/** Number of answers by status and problem. */
export function statusesOf(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const key = [status, body.type?.split(':').at(-1)].filter(Boolean).join(' ');
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
