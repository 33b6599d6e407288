import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CallContext, canonicalName } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { alice, issued } from '../testing/sample-events.js';
import type { AuditEvent } from '../trail/audit-event.js';
import type { TokenTrace } from './token-tracer.js';

const grace: CallContext = { actor: { ...alice, subject: canonicalName('grace') } };

describe('a traced token', () => {
  let database: TestDatabase;
  let log: TestLog;
  let people = 0;

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl, { homeTenant: alice.tenant });
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  /** Two tokens of somebody, which are valid for an hour. */
  async function issueTwo() {
    people += 1;
    const { target, token } = issued(people);
    if (!target || !token) throw new Error('an issuance without a token');
    const expiresOn = new Date(Date.now() + 3_600_000);
    const fingerprint = `first${people}`.padEnd(43, 'A');
    const sibling = `second${people}`.padEnd(43, 'A');
    for (const one of [fingerprint, sibling])
      await log.trail.record({
        ...issued(people),
        token: { ...token, expiresOn, fingerprint: one },
      });
    return {
      record: async (
        action: AuditEvent['action'],
        stage: string,
        outcome: AuditEvent['outcome'] = 'success',
      ) => log.trail.record({ action, outcome, actor: alice, target, details: { stage } }),
      trace: async (): Promise<TokenTrace> => log.auditLog.trace(grace, { fingerprint }),
    };
  }

  it.each([
    ['token.revoke', 'token.revoke'],
    ['identity.suspend', 'token.revoke'],
    ['identity.delete', 'identity.delete'],
    ['teams-phone.unassign', 'teams-phone.unassign'],
  ] as const)('is live after the request of %s, until ACS confirms it', async (...actions) => {
    const [requested, confirmed] = actions;
    const { record, trace } = await issueTwo();
    await record(requested, 'requested');
    const before = await trace();
    expect(before.tokens).toMatchObject([{ status: 'live' }]);
    const { requestedAt, ...rest } = before.tokens[0]?.revocation ?? {};
    expect(requestedAt).toMatch(/Z$/);
    expect(rest).toEqual({});
    expect(before.liveSiblings).toHaveLength(1);

    await record(confirmed, 'confirmed');
    const after = await trace();
    expect(after.tokens).toMatchObject([{ status: 'revoked' }]);
    expect(after.tokens[0]?.revocation.requestedAt).toBe(requestedAt);
    expect(after.tokens[0]?.revocation.confirmedAt).toMatch(/Z$/);
    expect(after.liveSiblings).toEqual([]);
  });

  it('is revoked when a mass revocation has completed its identity', async () => {
    const { record, trace } = await issueTwo();
    expect((await trace()).tokens).toMatchObject([{ status: 'live', revocation: {} }]);
    await record('token.revoke', 'completed');
    const { tokens, liveSiblings } = await trace();
    expect(tokens[0]?.status).toBe('revoked');
    expect(Object.keys(tokens[0]?.revocation ?? {})).toEqual(['confirmedAt']);
    expect(liveSiblings).toEqual([]);
  });

  it('names the first confirmation after it, when more revocations followed', async () => {
    const { record, trace } = await issueTwo();
    const stages = ['requested', 'confirmed', 'requested'];
    for (const stage of stages) await record('token.revoke', stage);
    const { tokens } = await trace();
    expect(tokens[0]?.status).toBe('revoked');
    const { items } = await log.auditLog.search(grace, { limit: 2, action: 'token.revoke' });
    expect(tokens[0]?.revocation.confirmedAt).toBe(items[1]?.entry.recordedAt);
  });

  it.each([
    ['nothing to revoke', 'success'],
    ['requested', 'unknown'],
    ['refused', 'denied'],
    ['confirmed', 'denied'],
  ] as const)('is live when %s was recorded with the outcome %s', async (stage, outcome) => {
    const { record, trace } = await issueTwo();
    await record('teams-phone.unassign', stage, outcome);
    const { tokens, liveSiblings } = await trace();
    expect(tokens).toMatchObject([{ status: 'live', revocation: {} }]);
    expect(liveSiblings).toHaveLength(1);
  });
});
