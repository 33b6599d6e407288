/** Identifiers of one person's data, as a caller of another tenant could send them. */
export interface PersonData {
  readonly tenant: string;
  readonly subject: string;
  readonly identityId: string;
  readonly communicationUserId: string;
  /** An ACS token that was issued to the person. */
  readonly token: string;
  readonly fingerprint: string;
  readonly entryId: string;
  readonly entryIndex: number;
  /** A mass revocation of the tenant. */
  readonly revocationId: string;
  /** An invitation of visitors by the tenant. */
  readonly invitationId: string;
}

/** A request for the data of another tenant. */
export interface Probe {
  readonly path: string;
  readonly body?: object | string;
  /** Why the response differs from that for missing data. It reveals nothing all the same. */
  readonly differs?: string;
}

type Probes = (of: PersonData) => readonly Probe[];

/**
 * For each route the requests that could reach the data of another tenant, in the order in which
 * they are sent: deletions last.
 */
export const tenantProbes: Readonly<Record<string, Probes>> = {
  'GET /v1/me': () => [{ path: '/v1/me' }],
  'GET /v1/me/identity': () => [{ path: '/v1/me/identity' }],
  'POST /v1/me/tokens': () => [{ path: '/v1/me/tokens', body: {} }],
  'POST /v1/me/teams-tokens': ({ token }) => [
    { path: '/v1/me/teams-tokens', body: { teamsUserToken: token } },
  ],
  'POST /v1/identities': ({ tenant, subject, communicationUserId }) => [
    { path: '/v1/identities', body: { kind: 'user', subject } },
    { path: '/v1/identities', body: { kind: 'user', subject, tenant } },
    { path: '/v1/identities', body: { kind: 'bot', subject, tenant, communicationUserId } },
    {
      path: '/v1/identities',
      body: { kind: 'user', subject: `linker-of-${subject}`, communicationUserId },
    },
  ],
  'GET /v1/identities': ({ subject, communicationUserId, identityId }) => [
    { path: '/v1/identities' },
    { path: `/v1/identities?subject=${subject}` },
    { path: `/v1/identities?communicationUserId=${encodeURIComponent(communicationUserId)}` },
    { path: `/v1/identities?status=deleted` },
    { path: `/v1/identities?cursor=${cursorOf(identityId)}` },
  ],
  'POST /v1/identities/lookup': ({ communicationUserId }) => [
    { path: '/v1/identities/lookup', body: { communicationUserIds: [communicationUserId] } },
  ],
  'GET /v1/identities/:id': ({ identityId }) => [{ path: `/v1/identities/${identityId}` }],
  'PATCH /v1/identities/:id': ({ identityId }) => [
    { path: `/v1/identities/${identityId}`, body: { displayName: 'Mine now' } },
    { path: `/v1/identities/${identityId}`, body: { status: 'suspended' } },
  ],
  'POST /v1/identities/:id/tokens': ({ identityId }) => [
    { path: `/v1/identities/${identityId}/tokens`, body: {} },
  ],
  'POST /v1/identities/:id/tokens/revoke': ({ identityId }) => [
    { path: `/v1/identities/${identityId}/tokens/revoke` },
  ],
  'DELETE /v1/identities/:id': ({ identityId }) => [{ path: `/v1/identities/${identityId}` }],
  'POST /v1/identities/import': ({ subject, tenant, identityId, communicationUserId }) => [
    { path: '/v1/identities/import', body: lines({ kind: 'user', subject, id: identityId }) },
    { path: '/v1/identities/import', body: lines({ kind: 'user', subject, tenant }) },
    {
      path: '/v1/identities/import',
      body: lines({ kind: 'user', subject: `importer-of-${subject}`, communicationUserId }),
    },
    {
      path: '/v1/identities/import',
      body: lines({
        ...{ kind: 'user', subject: `importer-of-${subject}`, communicationUserId },
        status: 'suspended',
      }),
    },
  ],
  'GET /v1/identities/export': () => [{ path: '/v1/identities/export' }],
  'POST /v1/identities/erase': ({ tenant, subject }) => [
    { path: '/v1/identities/erase', body: { tenant, subject } },
    { path: '/v1/identities/erase', body: { subject: `other-${subject}` } },
  ],
  'POST /v1/revocations': ({ tenant, communicationUserId }) => [
    { path: '/v1/revocations', body: { tenant, dryRun: true, reason: 'probe' } },
    { path: '/v1/revocations', body: { tenant, clientApp: communicationUserId, reason: 'probe' } },
    { path: '/v1/revocations', body: { clientApp: communicationUserId, reason: 'probe' } },
  ],
  'GET /v1/revocations/:id': ({ revocationId }) => [{ path: `/v1/revocations/${revocationId}` }],
  'GET /v1/teams-phone/assignments': ({ tenant }) => [
    { path: '/v1/teams-phone/assignments' },
    { path: `/v1/teams-phone/assignments?tenant=${tenant}` },
  ],
  'POST /v1/teams-phone/assignments/import': ({ tenant, subject }) => [
    {
      path: '/v1/teams-phone/assignments/import',
      body: lines({ tenantId: tenant, objectId: subject, principalType: 'user' }),
    },
  ],
  'GET /v1/teams-phone/assignments/export': () => [{ path: '/v1/teams-phone/assignments/export' }],
  'GET /v1/teams-phone/assignments/:tenantId/:objectId': ({ tenant, subject }) => [
    { path: `/v1/teams-phone/assignments/${tenant}/${subject}` },
  ],
  'PUT /v1/teams-phone/assignments/:tenantId/:objectId': ({ tenant, subject }) => [
    {
      path: `/v1/teams-phone/assignments/${tenant}/${subject}`,
      body: { principalType: 'user' },
    },
  ],
  'DELETE /v1/teams-phone/assignments/:tenantId/:objectId': ({ tenant, subject }) => [
    { path: `/v1/teams-phone/assignments/${tenant}/${subject}` },
  ],
  'POST /v1/invitations': ({ tenant }) => [
    { path: '/v1/invitations', body: { meeting: 'probe', expiresInMinutes: 5 } },
    { path: '/v1/invitations', body: { meeting: 'probe', expiresInMinutes: 5, tenant } },
  ],
  'DELETE /v1/invitations/:id': ({ invitationId }) => [{ path: `/v1/invitations/${invitationId}` }],
  'POST /v1/visitors/tokens': ({ invitationId }) => [
    { path: '/v1/visitors/tokens', body: { invitation: invitationId } },
  ],
  'POST /v1/policy/evaluate': ({ tenant }) => [
    { path: '/v1/policy/evaluate', body: { subject: { kind: 'user', tenant } } },
  ],
  'GET /v1/audit/entries': (of) => [
    { path: '/v1/audit/entries' },
    ...[
      `actorTenant=${of.tenant}`,
      `actorSubject=${of.subject}`,
      `identityId=${of.identityId}`,
      `communicationUserId=${encodeURIComponent(of.communicationUserId)}`,
      `targetSubject=${of.subject}`,
      `targetTenant=${of.tenant}&actorSubjectNot=${of.subject}`,
      `fingerprint=${of.fingerprint}`,
    ].map((query) => ({ path: `/v1/audit/entries?action=token.issue&${query}` })),
    { path: `/v1/audit/entries?limit=1000&cursor=${of.entryIndex + 1}` },
  ],
  'POST /v1/audit/entries/search': (of) =>
    [
      { actorSubject: of.subject },
      { targetTenant: of.tenant },
      { fingerprint: of.fingerprint },
      { displayName: `Known of ${of.tenant}` },
    ].map((filter) => ({
      path: '/v1/audit/entries/search',
      body: { action: 'token.issue', ...filter },
    })),
  'GET /v1/audit/entries/at/:index': ({ entryIndex }) => [
    { path: `/v1/audit/entries/at/${entryIndex}` },
    { path: `/v1/audit/entries/at/${entryIndex}?include=proof&include=neighbours` },
  ],
  'GET /v1/audit/entries/:id': ({ entryId }) => [{ path: `/v1/audit/entries/${entryId}` }],
  'GET /v1/audit/entries/:id/proof': ({ entryId }) => [
    { path: `/v1/audit/entries/${entryId}/proof` },
  ],
  'GET /v1/audit/statistics': () => [
    {
      path: '/v1/audit/statistics?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z&bucket=month&dimension=actorTenant',
    },
  ],
  'GET /v1/audit/export': ({ entryIndex }) => [
    ...['ndjson', 'csv', 'cef', 'ocsf', 'ecs'].map((format) => ({
      path: `/v1/audit/export?format=${format}`,
    })),
    { path: `/v1/audit/export?fromIndex=${entryIndex}` },
  ],
  // Such a stream does not end: export.spec.ts has what auditors of other tenants get.
  'GET /v1/audit/follow': () => [{ path: '/v1/audit/follow?order=ascending' }],
  'GET /v1/audit/health': () => [{ path: '/v1/audit/health' }],
  'POST /v1/audit/trace': ({ token, fingerprint }) => [
    { path: '/v1/audit/trace', body: { token } },
    { path: '/v1/audit/trace', body: { fingerprint } },
  ],
  'POST /v1/audit/erase': ({ tenant, subject }) => [
    { path: '/v1/audit/erase', body: { tenant, subject } },
  ],
  'GET /v1/audit/log/checkpoint': () => [{ path: '/v1/audit/log/checkpoint' }],
  'GET /v1/audit/log/checkpoint/witnessed': () => [{ path: '/v1/audit/log/checkpoint/witnessed' }],
  'GET /v1/audit/log/keys': () => [{ path: '/v1/audit/log/keys' }],
  'GET /v1/audit/log/tile/*': () => [{ path: '/v1/audit/log/tile/0/000' }],
  'GET /v1/audit/log/tile/entries/*': () => [
    { path: '/v1/audit/log/tile/entries/000' },
    { path: '/v1/audit/log/tile/entries/000.p/1' },
  ],
  'GET /api/user': () => [{ path: '/api/user' }],
  'POST /api/user': () => [{ path: '/api/user' }],
  'GET /api/token': () => [{ path: '/api/token' }],
  'GET /api/token/teams': () => [{ path: '/api/token/teams' }],
  'POST /api/token/teams': () => [{ path: '/api/token/teams' }],
  'GET /token': () => [{ path: '/token' }],
  'POST /token': () => [{ path: '/token' }],
  'POST /refreshToken/:id': ({ communicationUserId }) => [
    { path: `/refreshToken/${communicationUserId}` },
  ],
  'POST /getCommunicationUserToken': ({ communicationUserId }) => [
    { path: '/getCommunicationUserToken', body: { communicationUserId } },
    { path: '/getCommunicationUserToken', body: {} },
  ],
  'GET /mobile/token': () => [{ path: '/mobile/token' }],
  'GET /api/Function': () => [{ path: '/api/Function' }],
  'POST /api/Function': () => [{ path: '/api/Function' }],
  'POST /exchange': ({ token }) => [{ path: '/exchange', body: { accessToken: token } }],
  'POST /access/teamsExtension/::exchangeAccessToken': () => [
    { path: '/access/teamsExtension/:exchangeAccessToken?api-version=2025-06-30', body: {} },
  ],
  'POST /access/entra/::exchangeAccessToken': () => [
    { path: '/access/entra/:exchangeAccessToken?api-version=2025-03-02-preview', body: {} },
  ],
  'POST /v1/me/tokens/revoke': () => [{ path: '/v1/me/tokens/revoke' }],
  'POST /v1/me/sign-out': () => [{ path: '/v1/me/sign-out' }],
  'DELETE /api/user': () => [
    { path: '/api/user', differs: 'the first request deletes the caller’s own identity' },
  ],
  'GET /health/live': () => [{ path: '/health/live' }],
  'GET /health/ready': () => [{ path: '/health/ready' }],
  'GET /metrics': () => [{ path: '/metrics' }],
};

/** The cursor of the service for the position after an identity. */
function cursorOf(identityId: string): string {
  return Buffer.from(identityId.replaceAll('-', ''), 'hex').toString('base64url');
}

function lines(...items: readonly object[]): string {
  return items.map((item) => `${JSON.stringify(item)}\n`).join('');
}
