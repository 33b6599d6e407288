import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { acsIdentity, operatorEnvironment } from '../../support/acs-identity.js';
import { call } from '../../support/call.js';
import { untilMinuteHas } from '../../support/one-minute.js';
import { runningService } from '../../support/running-service.js';

const service = runningService({
  replicas: 2,
  environment: {
    VISITOR_KEY_SECRET: 'invitation-key',
    VISITOR_TOKENS_PER_ADDRESS_PER_MINUTE: '40',
    AUTHENTICATION_FAILURES_PER_MINUTE: '20',
    TRUSTED_PROXIES: '127.0.0.0/8,::1/128',
  },
});

interface Invited {
  readonly id: string;
  readonly invitation: string;
}

let addresses = 0;
/** An address that no other request of this file has, in a network of its own. */
const address = (): string => `2001:db8:0:${(addresses += 1).toString(16)}::1`;

async function invite(more: object = {}): Promise<Invited> {
  const { status, body } = await call(service().url, 'post', '/v1/invitations', {
    token: await service().token('crm-service'),
    body: { expiresInMinutes: 60, meeting: 'weekly-review', ...more },
  });
  expect(status, JSON.stringify(body)).toBe(201);
  return body as Invited;
}

async function visit(invitation: string, from = address(), replica = 0) {
  return call(service().urlOf(replica), 'post', '/v1/visitors/tokens', {
    body: { invitation },
    headers: { 'x-forwarded-for': from },
  });
}

async function end(id: string, who: 'crm-service' | 'alice' = 'crm-service') {
  const token = await service().token(who);
  return call(service().url, 'delete', `/v1/invitations/${id}`, { token });
}

/** The identities that exist there now. */
async function atAcs(): Promise<string[]> {
  const identities = await service().emulator.control.listIdentities();
  return identities.flatMap(({ id, deletedAt }) => (deletedAt === undefined ? [id] : []));
}

describe('visitors', () => {
  it('get a token each without sign-in, for identities of their own, recorded with their invitation', async () => {
    const { id, invitation } = await invite({ uses: 2 });
    const visits = [await visit(invitation, address(), 0), await visit(invitation, address(), 1)];
    const users = visits.map(({ status, body }) => {
      expect(status).toBe(200);
      expect(body).toMatchObject({ scopes: ['voip.join'], meeting: 'weekly-review' });
      return (body as { communicationUserId: string }).communicationUserId;
    });
    expect(new Set(users).size).toBe(2);
    expect(await atAcs()).toEqual(expect.arrayContaining(users));
    expect((await visit(invitation)).status).toBe(403);
    const entries = await service().auditEntries();
    const ofVisitors = entries.filter(({ actor }) => actor.subject === id);
    expect(ofVisitors.map(({ action, actor }) => `${action} ${actor.kind}`).sort()).toEqual([
      ...['identity.create visitor', 'identity.create visitor'],
      ...['token.issue visitor', 'token.issue visitor'],
    ]);
    expect(entries.find(({ target }) => target?.subject === id)).toMatchObject({
      action: 'invitation.create',
      details: { uses: 2, meeting: 'weekly-review', scopes: ['voip.join'] },
    });
    expect(JSON.stringify([entries, service().logLines])).not.toContain(invitation.slice(-40));
  });

  it('get no further token from an application: 403', async () => {
    const { body: visitor } = await visit((await invite()).invitation);
    const { communicationUserId } = visitor as { communicationUserId: string };
    const query = `communicationUserId=${encodeURIComponent(communicationUserId)}`;
    const found = await call(service().url, 'get', `/v1/identities?${query}`, {
      token: await service().token('ada'),
    });
    const { items } = found.body as { items: { id: string }[] };
    const path = `/v1/identities/${items[0]?.id}/tokens`;
    const token = await service().token('crm-service');
    expect(await call(service().url, 'post', path, { token })).toMatchObject({
      ...{ status: 403, body: { type: 'urn:acs-identity:problem:visitor-has-token' } },
    });
  });

  it('are listed by their kind, and are missing from an export, which is a valid import', async () => {
    const { body: visitor } = await visit((await invite()).invitation);
    const token = await service().token('ada');
    const known = `communicationUserId=${encodeURIComponent(visitor.communicationUserId as string)}`;
    const path = `/v1/identities?kind=visitor&${known}`;
    const { status, body } = await call(service().url, 'get', path, { token });
    expect(status, JSON.stringify(body)).toBe(200);
    expect(body.items).toMatchObject([{ kind: 'visitor' }]);
    const exported = await call(service().url, 'get', '/v1/identities/export', { token });
    expect(exported.status).toBe(200);
    expect(exported.text).not.toContain('visitor');
  });

  it('get no more tokens than an invitation has uses, however many race in two replicas', async () => {
    const { invitation } = await invite({ uses: 5 });
    const visits = await Promise.all(
      Array.from({ length: 20 }, async (_, nth) => visit(invitation, address(), nth % 2)),
    );
    const statuses = visits.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
    expect(statuses.filter((status) => status === 403)).toHaveLength(15);
  });

  it('get one and the same refusal for every invitation that lets nobody in', async () => {
    const [{ invitation: genuine }, usedUp, ended] = [
      await invite(),
      await invite(),
      await invite(),
    ];
    expect((await visit(usedUp.invitation)).status).toBe(200);
    expect((await end(ended.id)).status).toBe(204);
    const [version = '', key = '', payload = '', signature = ''] = genuine.split('.');
    const other = (text: string): string => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);
    const refused = [
      ...['', 'guess', '.'.repeat(300), `${genuine} `, genuine.toUpperCase()],
      ...[randomBytes(64).toString('base64url'), `${version}.${key}.${payload}.`],
      `${version}.${key}.${other(payload)}.${signature}`,
      `${version}.${key}.${payload}.${other(signature)}`,
      // The last character has bits that base64url ignores.
      ...Array.from('AEIMQUYcgkosw048', (last) => `${genuine.slice(0, -1)}${last}`),
      `${version}.${randomUUID()}.${payload}.${signature}`,
      ...[usedUp.invitation, ended.invitation],
    ].filter((text) => text !== genuine);
    const bodies = new Set<string>();
    for (const text of refused) {
      const { status, body, headers } = await visit(text);
      const { requestId: _id, ...rest } = body as Record<string, unknown>;
      const {
        date: _date,
        'x-request-id': _request,
        ...shown
      } = headers as object as Record<string, unknown>;
      bodies.add(JSON.stringify([status, rest, shown]));
    }
    expect([...bodies]).toEqual([expect.stringContaining('invitation-refused')]);
    expect((await visit(genuine)).status).toBe(200);
  });

  it('are limited by address, IPv6 ones by their network: guesses and genuine invitations apart', async () => {
    const network = '2001:db8:ffff:1';
    await untilMinuteHas(15_000);
    const guesses = Array.from({ length: 30 }, async (_, nth) =>
      visit(randomBytes(60).toString('base64url'), `${network}::${nth.toString(16)}`, nth % 2),
    );
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 403).length).toBeLessThanOrEqual(22);
    expect(new Set(statuses)).toEqual(new Set([403, 429]));
    const { invitation } = await invite({ uses: 100 });
    await untilMinuteHas(15_000);
    const visits = await Promise.all(
      Array.from({ length: 50 }, async (_, nth) =>
        visit(invitation, `${network}::${nth}`, nth % 2),
      ),
    );
    const admitted = visits.filter(({ status }) => status === 200).length;
    expect(admitted).toBeGreaterThan(30);
    expect(admitted).toBeLessThanOrEqual(44);
  });

  it('lose their identities at ACS when their invitation is ended, and nobody else does', async () => {
    const mine = await call(service().url, 'post', '/v1/me/tokens', {
      token: await service().token('alice'),
      body: {},
    });
    const [one, other] = [await invite({ uses: 3 }), await invite()];
    const userOf = async (invitation: string): Promise<string> =>
      ((await visit(invitation)).body as { communicationUserId: string }).communicationUserId;
    const gone = await Promise.all([1, 2, 3].map(async () => userOf(one.invitation)));
    const stays = [
      await userOf(other.invitation),
      (mine.body as { identity: { communicationUserId: string } }).identity.communicationUserId,
    ];
    expect((await end(one.id, 'alice')).status).toBe(403);
    expect((await end(randomUUID())).status).toBe(404);
    expect((await end(one.id)).status).toBe(204);
    expect((await end(one.id)).status).toBe(204);
    await expect.poll(async () => (await atAcs()).filter((id) => gone.includes(id))).toEqual([]);
    expect(await atAcs()).toEqual(expect.arrayContaining(stays));
    const deleted = (await service().auditEntries()).filter(
      ({ action, actor }) => action === 'identity.delete' && actor.kind === 'system',
    );
    expect(deleted.length).toBeGreaterThanOrEqual(3);
  });

  it('lose their tokens in a mass revocation of their invitation, which ends it', async () => {
    const [one, other] = [await invite({ uses: 3 }), await invite()];
    const { control } = service().emulator;
    const tokenOf = async (invitation: string): Promise<string> =>
      ((await visit(invitation)).body as { token: string }).token;
    const lost = [await tokenOf(one.invitation), await tokenOf(one.invitation)];
    const kept = await tokenOf(other.invitation);
    const revoke = async (body: object) => {
      const token = await service().token('ada');
      const options = { token, body: { reason: 'a leaked link', ...body } };
      return call(service().url, 'post', '/v1/revocations', options);
    };
    expect((await revoke({ invitation: randomUUID() })).status).toBe(404);
    const dry = await revoke({ invitation: one.id, dryRun: true });
    expect(dry).toMatchObject({ status: 200, body: { identities: 2, assignments: 0 } });
    const environment = operatorEnvironment(service());
    const command = ['revocations', 'start', '--invitation', one.id, '--reason', 'x', '--dry-run'];
    const counted = await acsIdentity(command, { environment });
    expect(counted).toMatchObject({ code: 0, stderr: '' });
    expect(counted.stdout).toContain('2 identities, about');
    const { status, body } = await revoke({ invitation: one.id.toUpperCase() });
    expect(status).toBe(202);
    expect(body).toMatchObject({ invitation: one.id, identities: 2 });
    expect((await visit(one.invitation)).status).toBe(403);
    const token = await service().token('ada');
    const path = `/v1/revocations/${(body as { id: string }).id}`;
    await expect
      .poll(async () => call(service().url, 'get', path, { token }), { timeout: 60_000 })
      .toMatchObject({ body: { status: 'completed', remainingIdentities: 0 } });
    for (const each of lost) {
      expect(await control.validateAcsToken(each)).toMatchObject({ valid: false });
    }
    expect(await control.validateAcsToken(kept)).toMatchObject({ valid: true });
    expect((await revoke({ invitation: one.id })).body).toMatchObject({ identities: 2 });
    // Their identities are still there, until somebody deletes the invitation.
    const before = (await atAcs()).length;
    for (let time = 0; time < 2; time += 1) expect((await end(one.id)).status).toBe(204);
    await expect.poll(async () => (await atAcs()).length).toBeLessThanOrEqual(before - 2);
  }, 90_000);

  it.each([
    ['no meeting', { expiresInMinutes: 5 }, 400],
    ['no expiry', { meeting: 'x' }, 400],
    ['no use', { uses: 0 }, 400],
    ['too many uses', { uses: 10_001 }, 400],
    ['half a use', { uses: 1.5 }, 400],
    ['an expiry in the past', { expiresInMinutes: 0 }, 400],
    ['more than 30 days', { expiresInMinutes: 43_201 }, 400],
    ['no scope', { scopes: [] }, 400],
    ['a scope with another form', { scopes: ['VOIP'] }, 400],
    ['a meeting with a control character', { meeting: 'a\u0000b' }, 400],
    ['a long meeting', { meeting: 'x'.repeat(1_025) }, 400],
    ['an unknown member', { expiresInMinutes: 5, meeting: 'x', tenant: 'y' }, 400],
    ['more than joining', { scopes: ['voip'] }, 403],
  ])('are not invited with %s', async (what, change, status) => {
    const isWhole = what.startsWith('no meeting') || what.startsWith('no expiry');
    const body = { ...(!isWhole && { expiresInMinutes: 5, meeting: 'x' }), ...change };
    const token = await service().token('ada');
    const answer = await call(service().url, 'post', '/v1/invitations', { token, body });
    expect(answer.status).toBe(status);
  });

  it.each([
    ['nothing', undefined],
    ['no invitation', {}],
    ['a number', { invitation: 7 }],
    ['too long a text', { invitation: 'x'.repeat(4_097) }],
    ['an unknown member', { invitation: 'x', scopes: ['voip'] }],
  ])('get 400 for %s', async (_what, body) => {
    const headers = { 'x-forwarded-for': address() };
    const answer = await call(service().url, 'post', '/v1/visitors/tokens', { body, headers });
    expect(answer.status).toBe(400);
  });
});
