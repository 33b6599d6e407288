import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { issued, openTestLog } from '#libs/audit/testing';
import { followedLines } from '../support/followed-lines.js';
import { neverIssuedToken } from '../support/never-issued-token.js';
import { policyFile } from '../support/policy-file.js';
import { repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import { type SigmaEvent, SigmaRule } from '../support/sigma.js';
import { issue, newPerson, requestToken } from '../support/tokens-api.js';

const FOLDER = join(repositoryRoot, 'deploy/sigma/rules');
const TOKEN_PERMISSION = 'CommunicationToken.Issue';
const QUOTA = 1;

const policy = policyFile(policyWithQuota(QUOTA));
const service = runningService({
  environment: {
    POLICY_FILE: policy.path,
    POLICY_REFRESH_SECONDS: '3600',
    TRUSTED_PROXIES: '127.0.0.0/8',
    AUTHENTICATION_FAILURES_PER_MINUTE: '0',
    AUTHENTICATION_REFUSAL_WINDOW_SECONDS: '1',
  },
});

function policyWithQuota(tokensPerHour: number): string {
  return `
version: 1
scopes: { voip: {} }
rules:
  - name: everybody
    when: anyone
    allow:
      scopes: [voip]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 60 }
      tokensPerHour: ${tokensPerHour}
`;
}

interface Caller {
  readonly oid?: string;
  readonly scope?: string;
}

async function mint({ oid = randomUUID(), scope = TOKEN_PERMISSION }: Caller): Promise<string> {
  const claims = { oid, scp: scope, roles: [scope] };
  return service().emulator.control.mintToken({ person: 'alice', claims });
}

async function request(
  path: string,
  caller: Caller & { readonly address?: string; readonly body?: object; readonly token?: string },
): Promise<number> {
  const { address, body } = caller;
  const response = await fetch(service().url + path, {
    method: body ? 'POST' : 'GET',
    headers: {
      authorization: `Bearer ${caller.token ?? (await mint(caller))}`,
      ...(address !== undefined && { 'x-forwarded-for': address }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  await response.arrayBuffer();
  return response.status;
}

const times = async (count: number, flow: (nth: number) => Promise<unknown>): Promise<void> => {
  for (let nth = 0; nth < count; nth += 1) await flow(nth);
};

const exportTimes = async (count: number, path: string, scope: string): Promise<void> => {
  const oid = randomUUID();
  await times(count, async () => request(path, { oid, scope }));
};

/** Also waits for the entries of the start. */
async function restart(environment: Readonly<Record<string, string>> = {}): Promise<void> {
  const loads = async (): Promise<number> => {
    const actions = (await service().auditEntries()).map(({ action }) => action);
    const counts = ['policy.load', 'configuration.load'].map(
      (load) => actions.filter((action) => action === load).length,
    );
    return Math.min(...counts);
  };
  const before = await loads();
  await service().apis.pop()?.stop();
  await service().addApi(environment);
  await expect.poll(loads, { timeout: 30_000 }).toBeGreaterThan(before);
}

interface Flow {
  /** The rule fires on the entries of each. */
  readonly fires: readonly (() => Promise<void>)[];
  readonly silent: () => Promise<void>;
}

/** By rule, what is done at the running service. */
const FLOWS: Readonly<Record<string, Flow>> = {
  'mass-export': {
    fires: [
      async () => exportTimes(3, '/v1/audit/export?format=ndjson', 'AuditLog.Read.All'),
      async () => exportTimes(3, '/v1/identities/export', 'CommunicationIdentity.Read.All'),
    ],
    silent: async () => {
      await exportTimes(2, '/v1/audit/export?format=ndjson', 'AuditLog.Read.All');
      await exportTimes(2, '/v1/identities/export', 'CommunicationIdentity.Read.All');
      const ofPerson = `/v1/audit/export?format=ndjson&actorSubject=${randomUUID()}`;
      await exportTimes(4, ofPerson, 'AuditLog.Read.All');
    },
  },
  'mass-removal': {
    fires: [async () => removePeople(50)],
    silent: async () => removePeople(2),
  },
  'application-unknown-address': {
    fires: [async () => tokensForOthers(5, '198.51.100.66')],
    silent: async () => tokensForOthers(5, '10.20.0.9'),
  },
  'application-many-identities': {
    fires: [async () => tokensForOthers(100, '10.20.0.9')],
    silent: async () => tokensForOthers(5, '10.20.0.9'),
  },
  'log-read-by-pages': {
    fires: [async () => readLog(100, '/v1/audit/entries?limit=1')],
    silent: async () => readLog(100, '/v1/audit/entries/at/0'),
  },
  'identities-read-by-pages': {
    fires: [async () => readIdentities(100, '/v1/identities?limit=1')],
    silent: async () => readIdentities(99, '/v1/identities?limit=1'),
  },
  'trace-of-a-known-token': {
    fires: [
      async () => {
        const { token } = await issue(service(), await newPerson(service()));
        await request('/v1/audit/trace', { scope: 'AuditLog.Read.All', body: { token } });
      },
    ],
    silent: async () => {
      const body = { token: neverIssuedToken() };
      await request('/v1/audit/trace', { scope: 'AuditLog.Read.All', body });
    },
  },
  'refused-then-allowed': {
    fires: [
      async () => {
        const oid = randomUUID();
        await request('/v1/me/tokens', { oid, scope: 'AuditLog.Read.All', body: {} });
        await request('/v1/me/tokens', { oid, body: {} });
      },
    ],
    silent: async () => {
      const oid = randomUUID();
      await request('/v1/identities', { oid });
      await request('/v1/me/tokens', { oid, body: {} });
    },
  },
  'quota-wall': {
    fires: [
      async () => {
        const person = await newPerson(service());
        await times(QUOTA + 10, async () => requestToken(service(), person));
      },
    ],
    silent: async () => {
      const person = await newPerson(service());
      await times(QUOTA + 9, async () => requestToken(service(), person));
    },
  },
  'one-address-many-identities': {
    fires: [async () => times(20, async () => tokenFrom('198.51.100.9'))],
    silent: async () => times(19, async () => tokenFrom('198.51.100.8')),
  },
  'rejected-credentials': {
    fires: [async () => rejectFrom('198.51.100.20', 100)],
    silent: async () => rejectFrom('198.51.100.21', 99),
  },
  'identity-linked': {
    fires: [async () => link(`8:acs:${service().emulator.acsResourceId}_${randomUUID()}`)],
    silent: async () => {
      const { identity } = await issue(service(), await newPerson(service()));
      await link(identity.communicationUserId); // which another has
    },
  },
  'trust-changed': {
    fires: [async () => restart({ TRUSTED_PROXIES: '127.0.0.0/8, 10.0.0.0/8' })],
    silent: async () => restart({ ACS_TIMEOUT_MS: '4000' }),
  },
  'policy-changed': {
    fires: [
      async () => {
        policy.write(policyWithQuota(QUOTA + 1));
        await restart();
      },
    ],
    silent: async () => restart(),
  },
  'many-entries-read': {
    fires: [
      async () => {
        await fillLog(2_000);
        await exportTimes(5, '/v1/audit/export?format=ndjson', 'AuditLog.Read.All');
      },
      async () => followTimes(5),
    ],
    silent: async () => {
      await exportTimes(1, '/v1/identities/export', 'CommunicationIdentity.Read.All');
    },
  },
  'mass-revocation': {
    fires: [async () => revokeAll({ everyone: true, reason: 'leak' })],
    silent: async () => revokeAll({ everyone: true, dryRun: true, reason: 'count' }),
  },
};

async function fillLog(entries: number): Promise<void> {
  const log = await openTestLog(service().database.serviceUrl, {
    origin: 'localhost/acs-identity',
    timeoutMs: 60_000,
    databaseTimeoutMs: 60_000,
  });
  for (let done = 0; done < entries; done += 500) {
    await log.trail.recordAll(Array.from({ length: 500 }, (_, nth) => issued(done + nth)));
  }
  await log.close();
}

/** Reads the whole log as a stream and hangs up, again and again; waits until all is recorded. */
async function followTimes(count: number): Promise<void> {
  const token = await mint({ scope: 'AuditLog.Read.All' });
  await times(count, async () => {
    const response = await fetch(`${service().url}/v1/audit/follow?afterIndex=0`, {
      headers: { authorization: `Bearer ${token}` },
    });
    await followedLines(response, (lines) => lines.length > 2_000);
  });
  const ended = async (): Promise<number> =>
    (await service().auditEntries()).filter(
      ({ action, details }) => action === 'audit.read' && details?.stage === 'ended',
    ).length;
  await expect.poll(ended, { interval: 1_000 }).toBe(count);
}

async function readIdentities(count: number, path: string): Promise<void> {
  const token = await mint({ scope: 'CommunicationIdentity.Read.All' });
  await times(count, async () => {
    expect(await request(path, { token })).toBe(200);
  });
}

async function revokeAll(body: object): Promise<void> {
  const status = await request('/v1/revocations', { scope: 'CommunicationToken.Revoke.All', body });
  expect([200, 202]).toContain(status);
}

/** Sends credentials that are none to two replicas in turn, as a load balancer does, until all are recorded. */
async function rejectFrom(address: string, count: number): Promise<void> {
  const counted = async (): Promise<number> =>
    (await service().auditEntries())
      .filter(({ action }) => action === 'authentication.reject')
      .reduce((sum, { details }) => sum + Number(details?.count), 0);
  const before = await counted();
  const replica = service().apis[1] ?? (await service().addApi());
  await times(count, async (nth) => {
    const url = nth % 2 === 0 ? service().url : replica.url;
    const headers = { authorization: `Bearer forged.${nth}.token`, 'x-forwarded-for': address };
    const { status } = await fetch(`${url}/v1/me/identity`, { headers });
    expect(status).toBe(401);
  });
  await expect.poll(counted, { timeout: 30_000 }).toBe(before + count);
}

async function identities(count: number): Promise<string[]> {
  const administrator = await mint({ scope: 'CommunicationIdentity.ReadWrite.All' });
  const ids: string[] = [];
  for (let nth = 0; nth < count; nth += 1) {
    const response = await fetch(`${service().url}/v1/identities`, {
      method: 'POST',
      headers: { authorization: `Bearer ${administrator}`, 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'user', subject: randomUUID() }),
    });
    ids.push(((await response.json()) as { readonly id: string }).id); // of the document
  }
  return ids;
}

async function removePeople(count: number): Promise<void> {
  const authorization = `Bearer ${await mint({ scope: 'CommunicationIdentity.ReadWrite.All' })}`;
  for (const id of await identities(count)) {
    const url = `${service().url}/v1/identities/${id}`;
    const { ok } = await fetch(url, { method: 'DELETE', headers: { authorization } });
    expect(ok).toBe(true);
  }
}

/** An application gets a token for each of as many identities. */
async function tokensForOthers(count: number, address: string): Promise<void> {
  const token = await service().token('crm-service');
  for (const id of await identities(count)) {
    expect(await request(`/v1/identities/${id}/tokens`, { token, address, body: {} })).toBe(200);
  }
}

async function readLog(count: number, path: string): Promise<void> {
  const token = await mint({ scope: 'AuditLog.Read.All' });
  await times(count, async () => {
    expect(await request(path, { token })).toBe(200);
  });
}

async function tokenFrom(address: string): Promise<void> {
  expect(await request('/v1/me/tokens', { address, body: {} })).toBe(200);
}

async function link(communicationUserId: string): Promise<void> {
  const body = { kind: 'user', subject: randomUUID(), communicationUserId };
  await request('/v1/identities', { scope: 'CommunicationIdentity.ReadWrite.All', body });
}

/** What a sink with the format `ndjson` gets of what the flow records. */
async function recordedBy(flow: () => Promise<void>): Promise<SigmaEvent[]> {
  const before = (await service().auditEntries()).length;
  await flow();
  const auditor = await mint({ scope: 'AuditLog.Read.All' });
  const response = await fetch(
    `${service().url}/v1/audit/export?format=ndjson&fromIndex=${before}`,
    { headers: { authorization: `Bearer ${auditor}` } },
  );
  const lines = (await response.text()).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as SigmaEvent);
}

/** Rules whose flow is not run here, and why. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'issuance-outside-hours': 'depends on the time of the day only',
  'log-not-whole': 'needs damage, which damaged-entries.spec.ts makes',
  'secret-refused': 'secret-access-auditor.spec.ts has the entries',
  'entries-retired': 'log-retention.spec.ts has the entry',
};

describe('the Sigma rules, on what the product records', () => {
  it('have a flow each, or the reason why it is not run', () => {
    const slugs = readdirSync(FOLDER).map((file) => file.replace('.yml', ''));
    expect([...Object.keys(FLOWS), ...Object.keys(NOT_RUN)].sort()).toEqual(slugs.sort());
  });

  it.each(Object.entries(FLOWS))('%s', async (slug, { fires, silent }) => {
    const rule = new SigmaRule(readFileSync(join(FOLDER, `${slug}.yml`), 'utf8'));
    expect(rule.firesOn(await recordedBy(silent))).toBe(false);
    for (const flow of fires) expect(rule.firesOn(await recordedBy(flow))).toBe(true);
  });
});
