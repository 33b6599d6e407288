import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { call } from '../../support/call.js';
import { runningService } from '../../support/running-service.js';
import { policyFile } from '../../support/policy-folder.js';

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
});

interface Issued {
  readonly token: string;
  readonly expiresOn: string;
  readonly auditEntry: { readonly index: number };
}

async function somebody() {
  const oid = randomUUID();
  const bearer = await service().emulator.control.mintToken({ person: 'alice', claims: { oid } });
  const issue = async (body: unknown = {}, replica = 0): Promise<Issued> => {
    const answer = await call(service().urlOf(replica), 'post', '/v1/me/tokens', {
      token: bearer,
      body,
    });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    const issued = answer.body as Issued;
    service().scanner.forbid(issued.token);
    return issued;
  };
  return { oid, bearer, issue };
}

async function entryOf({ auditEntry }: Issued) {
  const entries = await service().auditEntries();
  return entries[auditEntry.index] ?? expect.unreachable();
}

async function callsToAcs(): Promise<number> {
  return (await service().emulator.control.readJournal({ service: 'acs' })).length;
}

describe('a rule with reuse', () => {
  it('hands the same token out again from every replica, and records it under the same fingerprint', async () => {
    const { issue } = await somebody();
    const first = await issue();
    const calls = await callsToAcs();
    const again = [await issue(), await issue({}, 1), await issue({ scopes: ['voip'] }, 1)];
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

  it('gives other people, scopes and lifetimes their own tokens', async () => {
    const [one, other] = [await somebody(), await somebody()];
    const tokens = [
      await one.issue(),
      await other.issue(),
      await one.issue({ scopes: ['chat'] }),
      await one.issue({ expiresInMinutes: 120 }),
    ];
    expect(new Set(tokens.map(({ token }) => token)).size).toBe(4);
    expect((await one.issue({ expiresInMinutes: 120 }, 1)).token).toBe(tokens[3]?.token);
  });

  it('varies lifetimes that nobody asked for', async () => {
    const lifetimes = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const { expiresOn } = await (await somebody()).issue();
        return Math.round((Date.parse(expiresOn) - Date.now()) / 60_000);
      }),
    );
    expect(Math.min(...lifetimes)).toBeGreaterThan(214);
    expect(Math.max(...lifetimes)).toBeLessThan(266);
    expect(new Set(lifetimes).size).toBeGreaterThan(1);
  });

  it('asks ACS once for equal requests at the same time, and records each', async () => {
    const { issue, oid } = await somebody();
    await issue({ scopes: ['chat'] });
    await service().emulator.control.changeAcs({ latencyMs: 300 });
    const calls = await callsToAcs();
    const answers = await Promise.all(Array.from({ length: 10 }, async () => issue()));
    expect(new Set(answers.map(({ token }) => token)).size).toBe(1);
    expect((await callsToAcs()) - calls).toBe(1);
    const theirs = (await service().auditEntries()).filter(
      ({ action, target }) => target?.subject === oid && action.startsWith('token.'),
    );
    const actions = theirs.map(({ action }) => action);
    expect(actions.filter((action) => action === 'token.issue')).toHaveLength(2);
    expect(actions.filter((action) => action === 'token.reuse')).toHaveLength(9);
  });

  it('counts no reuse against the tokens of the hour', async () => {
    const { issue } = await somebody();
    const tokens = new Set<string>();
    for (let n = 0; n < 8; n += 1) tokens.add((await issue()).token);
    expect(tokens.size).toBe(1);
  });

  it('hands out nothing that was revoked', async () => {
    const { issue, bearer } = await somebody();
    const before = await issue();
    const revoked = await call(service().url, 'post', '/v1/me/tokens/revoke', { token: bearer });
    expect(revoked.status).toBe(202);
    await expect
      .poll(
        async () =>
          (await call(service().urlOf(1), 'post', '/v1/me/tokens', { token: bearer, body: {} }))
            .status,
        { timeout: 30_000 },
      )
      .toBe(200);
    const after = await issue({}, 1);
    expect(after.token).not.toBe(before.token);
    const state = await service().emulator.control.validateAcsToken(after.token);
    expect(state.valid).toBe(true);
  });

  it('leaves no token in a dump of the database, in whatever spelling', async () => {
    const { token } = await (await somebody()).issue();
    const tables = await service().rows<{ name: string }>(
      `SELECT quote_ident(table_name) AS name FROM information_schema.tables
       WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`,
    );
    expect(tables.map(({ name }) => name)).toContain('token_cache');
    const signature = token.split('.')[2] ?? expect.unreachable();
    const spellings = [
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
      for (const spelling of spellings) expect(text.includes(spelling), name).toBe(false);
      service().scanner.assertClean(
        name,
        dump.map(({ line }) => line),
      );
    }
    expect(rows).toBeGreaterThan(10);
  });

  it('opens kept tokens after a rotation of their key, and keeps new ones under the new key', async () => {
    const [old, fresh] = [await somebody(), await somebody()];
    const kept = await old.issue();
    const version = await service().emulator.control.setSecret({
      name: 'token-cache-key',
      value: randomBytes(32).toString('base64'),
    });
    await service().addApi();
    expect((await old.issue({}, 2)).token).toBe(kept.token);
    const issued = await fresh.issue({}, 2);
    // A replica that has not seen the new key yet opens what was sealed with it.
    expect((await fresh.issue({}, 0)).token).toBe(issued.token);
    const rows = await service().rows<{ key_version: string }>(
      `SELECT key_version FROM token_cache JOIN mapping ON id = mapping_id WHERE subject = $1`,
      [fresh.oid],
    );
    expect(rows).toEqual([{ key_version: version }]);
  });

  it('hands out nothing that was issued under another policy', async () => {
    const { issue } = await somebody();
    const before = await issue();
    file.write(POLICY.replace('longest: 1440', 'longest: 720'));
    await expect
      .poll(async () => (await issue()).token === before.token, { timeout: 30_000, interval: 500 })
      .toBe(false);
    expect(await service().rows('SELECT DISTINCT policy_version FROM token_cache')).toHaveLength(1);
  });

  it('hands out nothing that died with ACS’s access key', async () => {
    const { issue } = await somebody();
    const before = await issue();
    const { connectionString = '' } = await service().emulator.control.regenerateAcsKey();
    service().scanner.forbid(connectionString);
    await service().emulator.control.setSecret({
      name: 'acs-connection-string',
      value: connectionString,
    });
    await service().addApi();
    const after = await issue({}, 3);
    expect(after.token).not.toBe(before.token);
    expect((await service().emulator.control.validateAcsToken(after.token)).valid).toBe(true);
  });
});
