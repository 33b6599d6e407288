import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { DelayProxy } from '../support/delay-proxy.js';
import { type AuditEntry, Service } from '../support/service.js';
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

/** The `token.issue` entries of people, and the entries that say that one of them was withheld. */
async function issuances(people: readonly Person[]): Promise<{
  readonly successes: readonly AuditEntry[];
  readonly late: readonly AuditEntry[];
}> {
  const subjects = new Set(people.map(({ oid }) => oid));
  const entries = (await service.auditEntries()).filter(
    ({ action, target }) => action === 'token.issue' && subjects.has(target?.subject ?? ''),
  );
  return {
    successes: entries.filter(({ outcome }) => outcome === 'success'),
    late: entries.filter(({ reason }) => reason?.code === 'audit-late'),
  };
}

describe('first calls of 1,000 people at once, with PostgreSQL at a distance', () => {
  it.each([0, 1, 5])(
    '%i ms: all are served, each with its entry',
    { timeout: 45_000 },
    async (delayMs) => {
      const people = await peopleOf(1_000);
      const api = await service.addApi({ DATABASE_URL: proxy.urlOf(service.database.serviceUrl) });
      await firstCall(api.url, await newPerson(service));
      const commits = async (): Promise<number> =>
        (await service.rows('SELECT FROM audit_head')).length;
      const before = await commits();
      proxy.delayMs = delayMs;
      const startedAt = performance.now();
      const answers = await Promise.all(people.map(async (person) => firstCall(api.url, person)));
      const seconds = (performance.now() - startedAt) / 1_000;
      proxy.delayMs = 0;
      const used = (await commits()) - before;
      console.log(
        `${delayMs} ms: ${seconds.toFixed(2)} s, ${(used / 1_000).toFixed(3)} commits a token`,
      );
      const statuses = new Map<string, number>();
      for (const { status, body } of answers) {
        const key = `${status} ${body.type ?? ''}`;
        statuses.set(key, (statuses.get(key) ?? 0) + 1);
      }
      expect(Object.fromEntries(statuses)).toEqual({ '200 ': 1_000 });
      const entries = await service.auditEntries();
      for (const { body } of answers) {
        expect(entries[body.auditEntry.index]?.id).toBe(body.auditEntry.id);
      }
      const { successes, late } = await issuances(people);
      expect(successes).toHaveLength(1_000);
      expect(late).toHaveLength(0);
      await api.stop();
      service.apis.pop();
    },
  );
});
