import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { acsIdentity } from '../support/acs-identity.js';
import { call } from '../support/call.js';
import { DelayProxy } from '../support/delay-proxy.js';
import { Service } from '../support/service.js';
import { type IssuedToken, newPerson, type Person } from '../support/tokens-api.js';

/** Settings of the service at their defaults, except for the limits of ACS, which the emulator lacks too. */
const DEFAULTS = {
  ACS_TIMEOUT_MS: undefined,
  AUDIT_TIMEOUT_MS: undefined,
  DATABASE_TIMEOUT_MS: undefined,
  KEY_VAULT_TIMEOUT_MS: undefined,
  LOG_LEVEL: 'info', // the start of a process is recognised by a line of this level
  ACS_BUDGET_CREATE_WITH_TOKEN: '100000',
  ACS_BUDGET_CREATE: '100000',
  ACS_BUDGET_ISSUE: '100000',
} as const;

let proxy: DelayProxy;
let service: Service;

beforeAll(async () => {
  proxy = await DelayProxy.start({ targetPort: inject('cluster').port });
  service = await Service.start({
    cluster: inject('cluster'),
    replicas: 0,
    emulator: { acs: { limits: 'off', signingKeyBits: 1024 } },
    environment: DEFAULTS,
  });
  await service.emulator.control.addFault({
    service: 'acs',
    operation: '*',
    kind: 'latency',
    latencyMs: 40,
  });
});

afterAll(async () => {
  await service.stop();
  await proxy.stop();
});

interface Answer {
  readonly status: number;
  readonly body: IssuedToken & { readonly type?: string };
}

async function firstCall(url: string, { bearer }: Person): Promise<Answer> {
  const response = await fetch(`${url}/v1/me/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: '{}',
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

async function peopleOf(count: number): Promise<Person[]> {
  const people: Person[] = [];
  while (people.length < count) {
    people.push(...(await Promise.all(Array.from({ length: 50 }, async () => newPerson(service)))));
  }
  return people;
}

/** The `token.issue` entries of people. */
async function issuances(people: readonly Person[]): Promise<{
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

async function expectWholeLog(url: string): Promise<void> {
  const { text } = await call(url, 'get', '/v1/audit/log/keys', {
    token: await service.token('grace'),
  });
  const keys = text.trim().split('\n');
  const { code, stdout, stderr } = await acsIdentity([
    ...['audit', 'verify', '--database-url', service.database.serviceUrl],
    ...keys.flatMap((key) => ['--public-key', key]),
  ]);
  expect(code, `${stdout}${stderr}`).toBe(0);
}

describe('first calls of many people at once, with PostgreSQL at a distance', () => {
  it.each([0, 1, 5])(
    '%i ms: 1,000 are served by one replica, each with its entry, in a few commits',
    { timeout: 120_000 },
    async (delayMs) => {
      const people = await peopleOf(1_000);
      const api = await service.addApi({ DATABASE_URL: proxy.urlOf(service.database.serviceUrl) });
      await firstCall(api.url, await newPerson(service)); // reads keys and secrets
      const before = (await service.rows('SELECT FROM audit_head')).length;
      proxy.delayMs = delayMs;
      const startedAt = performance.now();
      const answers = await Promise.all(people.map(async (person) => firstCall(api.url, person)));
      const seconds = (performance.now() - startedAt) / 1_000;
      proxy.delayMs = 0;
      const commits = (await service.rows('SELECT FROM audit_head')).length - before;
      // eslint-disable-next-line no-console -- figures to compare between machines
      console.log(`${delayMs} ms: ${seconds.toFixed(2)} s, ${commits / 1_000} commits a token`);
      expect(statusesOf(answers)).toEqual({ 200: 1_000 });
      const entries = await service.auditEntries();
      for (const { body } of answers) {
        expect(entries[body.auditEntry.index]?.id).toBe(body.auditEntry.id);
      }
      const { successes, withheld } = await issuances(people);
      expect([...successes].sort()).toEqual(answers.map(({ body }) => body.auditEntry.id).sort());
      expect(withheld).toEqual([]);
      expect(commits).toBeLessThan(300);
      await expectWholeLog(api.url);
      await api.stop();
      service.apis.pop();
    },
  );

  it(
    'with a deadline that most miss: successes are receipts, or corrected by a later entry',
    { timeout: 120_000 },
    async () => {
      const people = await peopleOf(600);
      const api = await service.addApi({
        DATABASE_URL: proxy.urlOf(service.database.serviceUrl),
        AUDIT_TIMEOUT_MS: '150',
      });
      await expect
        .poll(async () => (await firstCall(api.url, await newPerson(service))).status)
        .toBe(200);
      proxy.delayMs = 5;
      const answers = await Promise.all(people.map(async (person) => firstCall(api.url, person)));
      const served = answers.filter(({ status }) => status === 200);
      expect(Object.keys(statusesOf(answers)).sort()).toEqual(['200', '503 audit-unavailable']);
      await api.stop();
      service.apis.pop();
      proxy.delayMs = 0;
      const { successes, withheld } = await issuances(people);
      const accounted = [...served.map(({ body }) => body.auditEntry.id), ...withheld];
      expect(accounted.sort()).toEqual([...successes].sort());
    },
  );
});

/** Number of answers by status and problem. */
function statusesOf(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const key = [status, body.type?.split(':').at(-1)].filter(Boolean).join(' ');
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
