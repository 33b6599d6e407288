import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AuditEntry } from '#libs/audit';
import { type MintRequest, SAMPLE_TENANTS } from '../../../apps/emulator/src/index.js';
import { call } from '../../support/call.js';
import { CLIENT_EXCHANGE_ROUTES } from '../../security/routes.js';
import { neverIssuedToken } from '../../support/never-issued-token.js';
import { repositoryRoot } from '../../support/root.js';
import { runningService } from '../../support/running-service.js';
import type { SampleCaller } from '../../support/service.js';

const service = runningService({
  environment: { ...CLIENT_EXCHANGE_ROUTES, VISITOR_KEY_SECRET: 'invitation-key' },
});

interface Request {
  readonly who: SampleCaller;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  /** Of a token for another API. */
  readonly api?: MintRequest['resource'];
  /** Of a token that is minted for the person, instead of its usual one. */
  readonly scope?: string;
  /** Whether the response ends only when its reader hangs up. */
  readonly endless?: true;
  /** The entry that the request leaves, by action; with outcome `denied` for a missing mapping. */
  readonly entry: Partial<AuditEntry>;
}

const missing = randomUUID();
const denied = (action: AuditEntry['action']) => ({ action, outcome: 'denied' as const });
const success = (action: AuditEntry['action']) => ({ action, outcome: 'success' as const });
let own = '';
let communicationUserId = '';
let entryId = '';
let invitation = '';
let unusedInvitationId = '';

/** For each route requests and the entry that each leaves. */
const RECORDED: Readonly<Record<string, () => readonly Request[]>> = {
  'POST /v1/me/tokens': () => [
    { who: 'alice', path: '/v1/me/tokens', body: {}, entry: success('token.issue') },
  ],
  'GET /v1/me/identity': () => [
    { who: 'alice', path: '/v1/me/identity', entry: success('identity.read') },
    { who: 'bob', path: '/v1/me/identity', entry: denied('identity.read') },
  ],
  'POST /v1/me/tokens/revoke': () => [
    { who: 'bob', path: '/v1/me/tokens/revoke', entry: denied('token.revoke') },
  ],
  'POST /v1/me/sign-out': () => [
    { who: 'bob', path: '/v1/me/sign-out', entry: success('token.revoke') },
  ],
  'POST /v1/me/teams-tokens': () => [
    {
      who: 'alice',
      path: '/v1/me/teams-tokens',
      body: { teamsUserToken: 'a.b.c' },
      entry: denied('token.exchange'),
    },
  ],
  'POST /access/teamsExtension/:exchangeAccessToken': () => [
    {
      ...{ who: 'alice', api: 'teams', body: {} },
      path: '/access/teamsExtension/:exchangeAccessToken?api-version=2025-06-30',
      entry: denied('token.exchange'),
    },
  ],
  'POST /access/entra/:exchangeAccessToken': () => [
    {
      ...{ who: 'alice', api: 'communication-clients', body: {} },
      path: '/access/entra/:exchangeAccessToken?api-version=2025-03-02-preview',
      entry: success('token.exchange'),
    },
  ],
  'POST /v1/identities': () => [
    {
      who: 'ada',
      path: '/v1/identities',
      body: { kind: 'bot', subject: 'recorded-bot' },
      entry: success('identity.create'),
    },
    {
      who: 'ada',
      path: '/v1/identities',
      body: { kind: 'bot', subject: 'recorded-bot' },
      entry: success('identity.read'),
    },
    {
      who: 'ada',
      path: '/v1/identities',
      body: { kind: 'service', subject: 'recorded-bot' },
      entry: denied('identity.create'),
    },
    {
      who: 'ada',
      path: '/v1/identities',
      body: { kind: 'bot', subject: 'recorded-linked', communicationUserId },
      entry: {
        ...denied('identity.link'),
        target: expect.objectContaining({ communicationUserId }),
      },
    },
  ],
  'GET /v1/identities': () => [
    {
      who: 'ada',
      path: '/v1/identities?status=suspended&limit=7',
      entry: {
        ...success('identity.read'),
        details: { route: 'list', status: 'suspended', limit: 7, found: 0 },
      },
    },
    {
      who: 'ada',
      path: '/v1/identities?subject=Bob&limit=7', // may be a name
      entry: {
        target: { tenant: SAMPLE_TENANTS.home.id },
        details: { route: 'list', subject: 'given', limit: 7, found: 0 },
      },
    },
  ],
  'POST /v1/identities/lookup': () => [
    {
      who: 'ada',
      path: '/v1/identities/lookup',
      body: { communicationUserIds: [communicationUserId] },
      entry: success('identity.read'),
    },
  ],
  'GET /v1/identities/{id}': () => [
    { who: 'ada', path: `/v1/identities/${own}`, entry: success('identity.read') },
    { who: 'ada', path: `/v1/identities/${missing}`, entry: denied('identity.read') },
  ],
  'PATCH /v1/identities/{id}': () => [
    {
      who: 'ada',
      path: `/v1/identities/${own}`,
      body: { displayName: 'Alice' },
      entry: {
        ...success('identity.update'),
        details: { changed: ['displayName'], displayName: 'added' },
      },
    },
    {
      who: 'ada',
      path: `/v1/identities/${own}`,
      body: { displayName: 'Alice', status: 'active' }, // as it is
      entry: success('identity.read'),
    },
    {
      who: 'ada',
      path: `/v1/identities/${missing}`,
      body: { status: 'suspended' },
      entry: denied('identity.suspend'),
    },
  ],
  'DELETE /v1/identities/{id}': () => [
    { who: 'ada', path: `/v1/identities/${missing}`, entry: denied('identity.delete') },
  ],
  'POST /v1/identities/{id}/tokens': () => [
    {
      who: 'crm-service',
      path: `/v1/identities/${missing}/tokens`,
      body: {},
      entry: { ...denied('token.issue'), target: expect.objectContaining({ identityId: missing }) },
    },
  ],
  'POST /v1/identities/{id}/tokens/revoke': () => [
    { who: 'ada', path: `/v1/identities/${missing}/tokens/revoke`, entry: denied('token.revoke') },
  ],
  'POST /v1/identities/import': () => [
    {
      who: 'ada',
      path: '/v1/identities/import?provision=true',
      body: '{"kind":"bot","subject":"imported-bot"}\n',
      contentType: 'application/x-ndjson',
      entry: success('identity.import'),
    },
  ],
  'GET /v1/identities/export': () => [
    {
      who: 'ada',
      path: '/v1/identities/export',
      entry: {
        ...success('identity.export'),
        details: expect.objectContaining({
          stage: 'ended',
          exported: expect.any(Number),
          isComplete: true,
        }),
      },
    },
  ],
  'POST /v1/identities/erase': () => [
    {
      who: 'ada',
      path: '/v1/identities/erase',
      body: { subject: 'recorded-bot' },
      entry: success('identity.delete'),
    },
    {
      who: 'ada',
      path: '/v1/identities/erase',
      body: { subject: 'recorded-bot' },
      entry: { ...success('identity.read'), details: { route: 'erase', found: 1 } },
    },
  ],
  'POST /v1/revocations': () => [
    {
      who: 'ada',
      path: '/v1/revocations',
      body: { identityKind: 'bot', dryRun: true, reason: 'a drill' },
      entry: {
        ...success('identity.read'),
        details: { route: 'revocations', kind: 'bot', found: expect.any(Number) },
      },
    },
    {
      who: 'ada',
      path: '/v1/revocations',
      body: { invitation: unusedInvitationId, reason: 'a drill' },
      entry: {
        ...success('revocation.start'),
        reason: { code: 'mass-revocation', detail: 'a drill' },
        details: { revocation: expect.any(String), invitation: unusedInvitationId },
      },
    },
    {
      who: 'ada',
      path: '/v1/revocations',
      body: { clientApp: missing, reason: 'a drill' },
      entry: denied('revocation.start'),
    },
    {
      who: 'ada',
      path: '/v1/revocations',
      body: { tenant: missing, reason: 'a drill' },
      entry: denied('authorization.deny'),
    },
  ],
  'POST /v1/invitations': () => [
    {
      who: 'ada',
      path: '/v1/invitations',
      body: { meeting: 'recorded', expiresInMinutes: 5 },
      entry: {
        ...success('invitation.create'),
        details: {
          uses: 1,
          scopes: ['voip.join'],
          meeting: 'recorded',
          expiresAt: expect.any(String),
        },
      },
    },
    {
      who: 'ada',
      path: '/v1/invitations',
      body: { meeting: 'recorded', expiresInMinutes: 5, scopes: ['chat'] },
      entry: denied('invitation.create'),
    },
  ],
  'DELETE /v1/invitations/{id}': () => [
    { who: 'ada', path: `/v1/invitations/${missing}`, entry: denied('invitation.end') },
  ],
  'POST /v1/visitors/tokens': () => [
    {
      who: 'mallory',
      path: '/v1/visitors/tokens',
      body: { invitation },
      entry: { ...success('token.issue'), actor: expect.objectContaining({ kind: 'visitor' }) },
    },
  ],
  'PUT /v1/teams-phone/assignments/{tenantId}/{objectId}': () => [
    {
      who: 'ada',
      path: `/v1/teams-phone/assignments/${SAMPLE_TENANTS.home.id}/${missing}`,
      body: { principalType: 'user' },
      entry: success('teams-phone.assign'),
    },
    {
      who: 'ada',
      path: `/v1/teams-phone/assignments/${SAMPLE_TENANTS.home.id}/${missing}`,
      body: { principalType: 'user' },
      entry: success('teams-phone.read'),
    },
  ],
  'GET /v1/teams-phone/assignments/{tenantId}/{objectId}': () => [
    {
      who: 'ada',
      path: `/v1/teams-phone/assignments/${SAMPLE_TENANTS.home.id}/${own}`,
      entry: denied('teams-phone.read'),
    },
    {
      who: 'ada',
      path: `/v1/teams-phone/assignments/${SAMPLE_TENANTS.second.id}/${own}`,
      entry: denied('authorization.deny'),
    },
  ],
  'GET /v1/teams-phone/assignments': () => [
    { who: 'ada', path: '/v1/teams-phone/assignments', entry: success('teams-phone.read') },
  ],
  'POST /v1/teams-phone/assignments/import': () => [
    {
      who: 'ada',
      path: '/v1/teams-phone/assignments/import',
      body: `{"objectId":"${missing}","principalType":"user"}\n`,
      contentType: 'application/x-ndjson',
      entry: success('teams-phone.import'),
    },
  ],
  'GET /v1/teams-phone/assignments/export': () => [
    {
      who: 'ada',
      path: '/v1/teams-phone/assignments/export',
      entry: success('teams-phone.export'),
    },
  ],
  'DELETE /v1/teams-phone/assignments/{tenantId}/{objectId}': () => [
    {
      who: 'ada',
      path: `/v1/teams-phone/assignments/${SAMPLE_TENANTS.home.id}/${own}`,
      entry: denied('teams-phone.unassign'),
    },
  ],
  'GET /v1/audit/entries': () => [
    { who: 'grace', path: '/v1/audit/entries', entry: success('audit.read') },
  ],
  'POST /v1/audit/entries/search': () => [
    { who: 'grace', path: '/v1/audit/entries/search', body: {}, entry: success('audit.read') },
  ],
  'GET /v1/audit/entries/at/{index}': () => [
    { who: 'grace', path: '/v1/audit/entries/at/0', entry: success('audit.read') },
  ],
  'GET /v1/audit/entries/{id}': () => [
    { who: 'grace', path: `/v1/audit/entries/${entryId}`, entry: success('audit.read') },
  ],
  'GET /v1/audit/entries/{id}/proof': () => [
    { who: 'grace', path: `/v1/audit/entries/${entryId}/proof`, entry: success('audit.read') },
  ],
  'GET /v1/audit/statistics': () => [
    {
      who: 'grace',
      path: '/v1/audit/statistics?from=2030-01-01T00:00:00Z&to=2030-01-02T00:00:00Z',
      entry: success('audit.read'),
    },
  ],
  'GET /v1/audit/export': () => [
    { who: 'grace', path: '/v1/audit/export?format=ndjson', entry: success('audit.export') },
  ],
  'GET /v1/audit/follow': () => [
    { who: 'grace', path: '/v1/audit/follow', endless: true, entry: success('audit.read') },
  ],
  'POST /v1/audit/trace': () => [
    {
      who: 'grace',
      path: '/v1/audit/trace',
      body: { token: neverIssuedToken() },
      entry: {
        ...success('audit.trace'),
        details: {
          by: 'token',
          fingerprint: expect.stringMatching(/^[\w-]{43}$/),
          found: 0,
          liveSiblings: 0,
        },
      },
    },
  ],
  'POST /v1/audit/erase': () => [
    {
      who: 'grace',
      path: '/v1/audit/erase',
      scope: 'AuditLog.Erase.All',
      body: { tenant: 'somebody', subject: 'else' },
      entry: { action: 'audit.erase' },
    },
  ],
  'GET /v1/audit/log/tile/entries/{path}': () => [
    { who: 'grace', path: '/v1/audit/log/tile/entries/000.p/1', entry: success('audit.read') },
  ],
};

/** Routes that leave no entry when they succeed, and why. */
const UNRECORDED: Readonly<Record<string, string>> = {
  'GET /health/live': 'no caller, nothing of a person',
  'GET /health/ready': 'no caller, nothing of a person',
  'GET /v1/me': 'shows the caller what its own token says',
  'GET /v1/revocations/{id}': 'shows filters, counts and times',
  'POST /v1/policy/evaluate': 'shows rules, nothing of a person, and issues nothing',
  'GET /v1/audit/health': 'states, counts and times of the log and of what works on it',
  'GET /v1/audit/log/checkpoint': 'size and root of the log only',
  'GET /v1/audit/log/checkpoint/witnessed': 'size and root of the log only',
  'GET /v1/audit/log/tile/{path}': 'hashes only',
  'GET /v1/audit/log/keys': 'public keys',
};

const document = JSON.parse(readFileSync(`${repositoryRoot}docs/openapi.json`, 'utf8')) as {
  paths: Record<string, Record<string, unknown>>;
};
const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
  Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
);

async function tokenOf({ who, api, scope }: Request): Promise<string> {
  const { control } = service().emulator;
  if (api !== undefined) return control.mintToken({ person: 'alice', resource: api });
  if (scope === undefined) return service().token(who);
  const claims = { scp: scope, roles: [scope] };
  return control.mintToken({ person: 'grace', claims });
}

describe('what the log records', () => {
  beforeAll(async () => {
    const token = await service().token('alice');
    const { body } = await call(service().url, 'post', '/v1/me/tokens', { token, body: {} });
    own = body.identity.id as string;
    communicationUserId = body.identity.communicationUserId as string;
    entryId = body.auditEntry.id as string;
    const invite = async (): Promise<{ readonly id: string; readonly invitation: string }> => {
      const invited = await call(service().url, 'post', '/v1/invitations', {
        token: await service().token('ada'),
        body: { meeting: 'recorded', expiresInMinutes: 5 },
      });
      return invited.body as { readonly id: string; readonly invitation: string };
    };
    ({ invitation } = await invite());
    ({ id: unusedInvitationId } = await invite());
  });

  it('names every route, as recorded or with the reason why it is not', () => {
    expect([...Object.keys(RECORDED), ...Object.keys(UNRECORDED)].sort()).toEqual(routes.sort());
  });

  it.each(Object.keys(RECORDED))('%s leaves an entry', async (route) => {
    const [method = ''] = route.split(' ');
    for (const recorded of RECORDED[route]?.() ?? []) {
      const { path, body, contentType, endless, entry } = recorded;
      const requestId = randomUUID();
      const headers = {
        authorization: `Bearer ${await tokenOf(recorded)}`,
        'x-request-id': requestId,
        ...(body !== undefined && { 'content-type': contentType ?? 'application/json' }),
      };
      // Not checked against the document: streams and bytes are read to their end only.
      const response = await fetch(service().url + path, {
        method,
        headers,
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      if (endless) await response.body?.cancel();
      else await response.arrayBuffer();
      const entries = await service().auditEntries();
      const left = entries.filter(({ request }) => request?.id === requestId);
      expect(left, `${path}: ${response.status}`).toContainEqual(expect.objectContaining(entry));
    }
  });
});
