import type { Response } from 'supertest';
import { afterEach, describe, expect, it } from 'vitest';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';
import { policyFile } from '../../support/policy-file.js';
import { issue, type IssuedToken, newPerson, requestToken } from '../../support/tokens-api.js';

const POLICY = `
version: 1
scopes: { voip: {}, chat: {} }
rules:
  - name: reuse
    when: anyone
    allow:
      scopes: [voip, chat]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 240, longest: 1440 }
      reuse: true
      tokensPerHour: 5
`;

const file = policyFile(POLICY);
const service = runningService({
  replicas: 2,
  environment: { POLICY_FILE: file.path, POLICY_REFRESH_SECONDS: '1' },
});

afterEach(async () => {
  await service().emulator.control.changeAcs({ latencyMs: 0 });
  await service().emulator.control.removeFaults();
});

async function entryOf({ auditEntry }: IssuedToken) {
  const entries = await service().auditEntries();
  return entries[auditEntry.index] ?? expect.unreachable();
}

/** The queue at the lock of the log's head, which every append takes. */
const LOCK_LOG = 'SELECT pg_advisory_xact_lock(4711202600000001)';

async function untilQueuedAtLog(count: number): Promise<void> {
  const queued = async (): Promise<number> => {
    const rows = await service().rows(
      `SELECT FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'`,
    );
    return rows.length;
  };
  await expect.poll(queued).toBeGreaterThanOrEqual(count);
}

async function callsToAcs(): Promise<number> {
  return (await service().emulator.control.readJournal({ service: 'acs' })).length;
}

describe('POST /v1/me/tokens under a rule with reuse', () => {
  it('200: every replica returns the same token again, recorded with the same fingerprint', async () => {
    const person = await newPerson(service());
    const first = await issue(service(), person);
    const calls = await callsToAcs();
    const again = [
      await issue(service(), person),
      await issue(service(), person, {}, service().urlOf(1)),
      await issue(service(), person, { scopes: ['voip'] }, service().urlOf(1)),
    ];
    expect(again.map(({ token }) => token)).toEqual(again.map(() => first.token));
    expect(again.map(({ expiresOn }) => expiresOn)).toEqual(again.map(() => first.expiresOn));
    expect(await callsToAcs()).toBe(calls);
    const issuance = await entryOf(first);
    expect(issuance.action).toBe('token.issue');
    for (const reused of again) {
      const entry = await entryOf(reused);
      expect(entry).toMatchObject({ action: 'token.reuse', outcome: 'success' });
      expect(entry.token?.fingerprint).toBe(issuance.token?.fingerprint);
    }
  });

  it('200: other people, scopes and lifetimes get other tokens', async () => {
    const [one, other] = [await newPerson(service()), await newPerson(service())];
    const tokens = [
      await issue(service(), one),
      await issue(service(), other),
      await issue(service(), one, { scopes: ['chat'] }),
      await issue(service(), one, { expiresInMinutes: 120 }),
    ];
    expect(new Set(tokens.map(({ token }) => token)).size).toBe(4);
    const again = await issue(service(), one, { expiresInMinutes: 120 }, service().urlOf(1));
    expect(again.token).toBe(tokens[3]?.token);
  });

  it('200: default lifetimes vary', async () => {
    const lifetimes = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const { expiresOn } = await issue(service(), await newPerson(service()));
        return Math.round((Date.parse(expiresOn) - Date.now()) / 60_000);
      }),
    );
    expect(Math.min(...lifetimes)).toBeGreaterThan(214);
    expect(Math.max(...lifetimes)).toBeLessThan(266);
    expect(new Set(lifetimes).size).toBeGreaterThan(1);
  });

  it('200: concurrent equal requests make one call to ACS, and each is recorded', async () => {
    const person = await newPerson(service());
    await issue(service(), person, { scopes: ['chat'] });
    await service().emulator.control.changeAcs({ latencyMs: 300 });
    const calls = await callsToAcs();
    const answers = await Promise.all(
      Array.from({ length: 10 }, async () => issue(service(), person)),
    );
    expect(new Set(answers.map(({ token }) => token)).size).toBe(1);
    expect((await callsToAcs()) - calls).toBe(1);
    const entries = await service().auditEntries();
    const actions = entries
      .filter(({ target }) => target?.subject === person.oid)
      .map(({ action }) => action);
    expect(actions.filter((action) => action === 'token.issue')).toHaveLength(2);
    expect(actions.filter((action) => action === 'token.reuse')).toHaveLength(9);
  });

  it('200: a reused token does not count against tokensPerHour', async () => {
    const person = await newPerson(service());
    const answers = [];
    for (let n = 0; n < 8; n += 1) answers.push(await requestToken(service(), person));
    expect(answers.map(({ status }) => status)).toEqual(Array<number>(8).fill(200));
  });

  it('200: a revoked token is not returned again', async () => {
    const person = await newPerson(service());
    const before = await issue(service(), person);
    const revoked = await call(service().url, 'post', '/v1/me/tokens/revoke', {
      token: person.bearer,
    });
    expect(revoked.status).toBe(202);
    const request = async () => requestToken(service(), person, {}, service().urlOf(1));
    await expect.poll(async () => (await request()).status).toBe(200);
    const after = await issue(service(), person, {}, service().urlOf(1));
    expect(after.token).not.toBe(before.token);
    const state = await service().emulator.control.validateAcsToken(after.token);
    expect(state.valid).toBe(true);
  });

  it.each([
    ['403: a person who is suspended', 'patch', 'mapping-not-active', 'denied'],
    ['503: a person whose tokens are revoked', 'post', 'revocation-pending', 'failure'],
  ] as const)(
    '%s in another replica, while the reuse waits for the log, gets no token',
    async (_who, method, code, outcome) => {
      const person = await newPerson(service());
      const { identity } = await issue(service(), person);
      await service().emulator.control.addFault({
        ...{ service: 'acs', operation: 'revoke', kind: 'status', status: 500 },
      });
      const route = `/v1/identities/${identity.id}`;
      const token = await service().token('ada');
      const change = async (): Promise<Response> =>
        method === 'patch'
          ? call(service().urlOf(1), 'patch', route, { token, body: { status: 'suspended' } })
          : call(service().urlOf(1), 'post', `${route}/tokens/revoke`, { token });
      const answers: Promise<Response>[] = [];
      await service().hold(LOCK_LOG, async () => {
        answers.push(change());
        await untilQueuedAtLog(1);
        answers.push(requestToken(service(), person));
        await untilQueuedAtLog(2);
      });
      const [changed, requested] = await Promise.all(answers);
      expect(changed?.status).toBeLessThan(300);
      expect(requested?.body).toMatchObject({ type: `urn:acs-identity:problem:${code}` });
      const entries = (await service().auditEntries()).filter(
        ({ target }) => target?.subject === person.oid,
      );
      expect(entries.filter(({ action }) => action === 'token.reuse')).toEqual([]);
      expect(entries.findLast(({ action }) => action === 'token.issue')).toMatchObject({ outcome });
    },
  );

  it('a dump of the database holds no token, in any encoding', async () => {
    const { token } = await issue(service(), await newPerson(service()));
    const tables = await service().rows<{ name: string }>(
      `SELECT quote_ident(table_name) AS name FROM information_schema.tables
       WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
    );
    expect(tables.map(({ name }) => name)).toContain('token_cache');
    const signature = token.split('.')[2] ?? expect.unreachable();
    const encodings = [
      signature,
      Buffer.from(signature).toString('hex'),
      Buffer.from(signature, 'base64url').toString('hex'),
      Buffer.from(signature).toString('base64').slice(0, 200),
      Buffer.from('.eyJ').toString('hex'),
    ];
    let rows = 0;
    for (const { name } of tables) {
      const dump = await service().rows<{ line: string }>(`SELECT t::text AS line FROM ${name} t`);
      rows += dump.length;
      const text = dump.map(({ line }) => line).join('\n');
      for (const encoding of encodings) expect(text.includes(encoding), name).toBe(false);
      service().scanner.assertClean(
        name,
        dump.map(({ line }) => line),
      );
    }
    expect(rows).toBeGreaterThan(10);
  });

  it('200: a token that was issued under another policy is not returned again', async () => {
    const person = await newPerson(service());
    const before = await issue(service(), person);
    file.write(POLICY.replace('longest: 1440', 'longest: 720'));
    const token = async () => (await issue(service(), person)).token;
    await expect.poll(token).not.toBe(before.token);
    expect(await service().rows('SELECT DISTINCT policy_version FROM token_cache')).toHaveLength(1);
  });
});
