import { createHash } from 'node:crypto';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type AuditEvent,
  type AuditTrail,
  AuditUnavailable,
  type TokenFingerprint,
  TokenFingerprints,
} from '#libs/audit';
import { MemoryAuditTrail, newestEntriesOf, openTestLog, type TestLog } from '#libs/audit/testing';
import {
  AccessNotAssigned,
  type ClientExchange,
  CommunicationResources,
  ResourceNotConfigured,
  UpstreamUnavailable,
} from '#libs/communication-services';
import { MemoryCommunicationIdentityGateway } from '#libs/communication-services/testing';
import { type IdentityMap, PostgresIdentityMap, RevocationPending } from '#libs/identity-mapping';
import {
  MemoryIdentityMap,
  RecordedMappings,
  wireIdentityMapping,
} from '#libs/identity-mapping/testing';
import {
  canonicalName,
  type Clock,
  type Guid,
  type Principal,
  ReadingDatabase,
  type ServiceError,
} from '#libs/platform';
import {
  ManualClock,
  MemoryLogger,
  newGuid,
  testDatabase,
  type TestDatabase,
} from '#libs/platform/testing';
import {
  AssignmentPending,
  type AssignmentStore,
  PostgresAssignmentStore,
} from '#libs/teams-phone';
import { IssuanceAuditor } from '../issue/issuance-auditor.js';
import { IssuanceMetrics } from '../metrics.js';
import { IssuancePolicies } from '../policy-loading/issuance-policies.js';
import { ExchangeNotAllowed, NoRuleApplies, TokenQuotaExceeded } from '../policy/errors.js';
import { readPolicy } from '../policy/policy-file.js';
import { MemoryTokenCache } from '../testing/memory-token-cache.js';
import { MemoryTokenQuota } from '../testing/memory-token-quota.js';
import { ClientExchangeService } from './client-exchange.service.js';
import { TokenExchange } from './token-exchange.js';

const guests = newGuid();
const POLICY = `
version: 1
scopes: { voip: {} }
rules:
  - name: guests
    when: { tenant: [${guests}] }
    allow:
      scopes: [voip]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 60 }
  - name: members
    when: { guest: false }
    allow:
      scopes: [voip]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 60 }
      exchanges: [teams-extension, entra]
      tokensPerHour: 2
`;

const resourceId = newGuid();
const resources = new CommunicationResources(
  [
    {
      name: 'default',
      endpoint: 'https://acs.example',
      immutableResourceId: resourceId,
      credentialSecret: 'acs-connection-string',
      tenants: [],
    },
  ],
  'default',
);
const request = { requestId: 'request-1' };
const wanted = { exchange: 'teams-extension', version: '2025-06-30', entraToken: 'entra' } as const;
const holder = { tenant: newGuid(), objectId: newGuid() };
const alice: Principal = {
  kind: 'user',
  subject: holder.objectId,
  tenant: holder.tenant,
  clientApp: canonicalName('web-app'),
  issuer: 'https://issuer.example',
  permissions: ['TeamsExtension.ManageCalls'],
  isGuest: false,
};

class PlainFingerprints extends TokenFingerprints {
  async of(token: string): Promise<TokenFingerprint> {
    return this.withKey(token, 'key-1');
  }

  async withKey(token: string, fingerprintKey: string): Promise<TokenFingerprint> {
    const fingerprint = createHash('sha256').update(token).digest('base64url');
    return Promise.resolve({ fingerprint, fingerprintKey });
  }
}

/** The service at an ACS that accepts the Entra token `entra`. */
function wire<Trail extends AuditTrail>(adapters: {
  readonly clock: Clock;
  readonly audit: Trail;
  readonly map: IdentityMap;
  readonly assignmentStore?: AssignmentStore;
}) {
  const { clock, audit } = adapters;
  const logger = new MemoryLogger();
  const gateway = new MemoryCommunicationIdentityGateway(resources, clock);
  gateway.entraTokens.set(wanted.entraToken, new Date(clock.now() + 3_600_000));
  const { mappings, teamsPhone, administration } = wireIdentityMapping({
    ...{ ...adapters, gateway, resources, logger },
  });
  const metrics = new IssuanceMetrics(new Registry(), clock);
  const cache = new MemoryTokenCache(clock);
  const entries = newestEntriesOf(new MemoryAuditTrail());
  const policies = new IssuancePolicies(audit, entries, cache, clock, logger, metrics, {
    policy: { path: undefined, initial: readPolicy(POLICY) },
    policyRefreshMs: 5000,
    cacheKeySecret: 'token-cache-key',
  });
  const exchanges = new TokenExchange(
    mappings,
    audit,
    new PlainFingerprints(),
    new MemoryTokenQuota(clock),
    new IssuanceAuditor(audit, metrics),
    metrics,
  );
  const { assignments } = teamsPhone;
  const service = new ClientExchangeService(policies, resources, assignments, gateway, exchanges);
  return { audit, gateway, mappings, administration, assignments, service };
}

/** The service over memory fakes. */
function open() {
  const clock = new ManualClock();
  return wire({ clock, audit: new MemoryAuditTrail(), map: new MemoryIdentityMap(clock) });
}

describe('ClientExchangeService', () => {
  let at: ReturnType<typeof open>;
  const exchange = async (actor: Principal = alice) =>
    at.service.exchange(wanted, { actor, request });
  const assign = async () =>
    at.assignments.put(
      { ...holder, principalType: 'user', clientIds: [] },
      { actor: alice, request },
    );
  const exchanged = () => at.audit.entries.filter(({ action }) => action === 'token.exchange');
  const sent = () =>
    at.gateway.calls.filter(({ operation }) => operation === 'exchangeTeamsExtension').length;

  beforeEach(() => {
    at = open();
  });

  it('releases a token with an entry that names user, application, assignment and fingerprint', async () => {
    const { assignment } = await assign();
    const { token, communicationUserId, auditEntry } = await exchange();
    const { tenant, objectId } = holder;
    expect(communicationUserId).toBe(`8:acs:${resourceId}_${tenant}_${objectId}`);
    const [entry] = exchanged();
    expect(entry).toMatchObject({
      id: auditEntry.id,
      outcome: 'success',
      actor: { clientApp: 'web-app', subject: objectId },
      target: { communicationUserId, tenant, subject: objectId, resource: 'default' },
      token: { fingerprint: createHash('sha256').update(token).digest('base64url') },
      policy: { rule: 'members' },
      details: { exchange: 'teams-extension', assignment: assignment.id, assignmentVersion: 1 },
    });
    expect(JSON.stringify(at.audit.entries)).not.toContain(token);
  });

  it('releases no token that can not be recorded', async () => {
    await assign();
    at.audit.outage = new AuditUnavailable();
    await expect(exchange()).rejects.toBeInstanceOf(AuditUnavailable);
    expect(exchanged()).toEqual([]);
  });

  it.each([
    ['a rule does not allow the exchange', { tenant: guests }, ExchangeNotAllowed],
    ['no rule matches', { isGuest: undefined }, NoRuleApplies],
    ['the caller is an application', { kind: 'service' }, ExchangeNotAllowed],
  ] as const)('sends nothing to ACS where %s, and records it', async (_why, change, refusal) => {
    await expect(exchange({ ...alice, ...change })).rejects.toBeInstanceOf(refusal);
    expect(sent()).toBe(0);
    expect(exchanged()).toMatchObject([
      {
        outcome: 'denied',
        target: { communicationUserId: expect.stringContaining('8:acs:') as string },
      },
    ]);
  });

  it('counts tokens against the quota, and refused ones not', async () => {
    await expect(exchange()).rejects.toBeInstanceOf(AccessNotAssigned);
    await assign();
    await exchange();
    await exchange();
    await expect(exchange()).rejects.toBeInstanceOf(TokenQuotaExceeded);
    expect(sent()).toBe(3);
  });

  it('sends nothing to ACS while an assignment is being deleted', async () => {
    await assign();
    at.gateway.failNext('unassign', new UpstreamUnavailable());
    const context = { actor: alice, request };
    expect((await at.assignments.delete(holder, context)).status).toBe('deleting');
    await expect(exchange()).rejects.toBeInstanceOf(AccessNotAssigned);
    expect(sent()).toBe(0);
  });

  it('records the refusal where the ACS resource of the assignment is no longer configured', async () => {
    const { assignment } = await assign();
    vi.spyOn(at.assignments, 'find').mockResolvedValueOnce({ ...assignment, resource: 'retired' });
    await expect(exchange()).rejects.toBeInstanceOf(ResourceNotConfigured);
    expect(exchanged()).toMatchObject([
      {
        reason: { code: 'resource-not-configured' },
        target: { subject: holder.objectId, resource: 'retired' },
      },
    ]);
  });

  it('withholds a token of somebody whose tokens were revoked while ACS was called', async () => {
    await assign();
    const { tenant, objectId: subject } = holder;
    const context = { actor: alice, request };
    await at.mappings.ensureActive({ identity: { tenant, subject, kind: 'user' }, ...context });
    const { exchangeEntraToken } = at.gateway;
    at.gateway.exchangeEntraToken = async (...call) => {
      const token = await exchangeEntraToken.apply(at.gateway, call);
      await at.mappings.revokeOwnTokens(context);
      return token;
    };
    await expect(exchange()).rejects.toBeInstanceOf(RevocationPending);
    expect(exchanged()).toMatchObject([
      { outcome: 'failure', details: { withheld: true } },
      { outcome: 'failure', reason: { code: 'revocation-pending' } },
    ]);
  });
});

describe('ClientExchangeService over PostgreSQL', () => {
  let database: TestDatabase;
  let log: TestLog;
  let store: PostgresAssignmentStore;
  let at: ReturnType<typeof wire<AuditTrail>>;
  let actor: Principal;
  let holder: { readonly tenant: Guid; readonly objectId: Guid };

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl);
    store = new PostgresAssignmentStore(log.database, log.get(ReadingDatabase));
    const map = new PostgresIdentityMap(log.database, log.get(ReadingDatabase), log.clock);
    at = wire<AuditTrail>({ clock: log.clock, audit: log.trail, map, assignmentStore: store });
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });
  beforeEach(() => {
    holder = { tenant: newGuid(), objectId: newGuid() };
    actor = { ...alice, tenant: holder.tenant, subject: holder.objectId };
  });

  const assign = async (...clientIds: Guid[]) =>
    at.assignments.put({ ...holder, principalType: 'user', clientIds }, { actor, request });
  const unassign = async () => at.assignments.delete(holder, { actor, request });
  /** Exchanges, and changes something after ACS has given the token. */
  const exchangeDuring = async (
    change: () => Promise<unknown>,
    exchange: ClientExchange = wanted.exchange,
  ) => {
    const { exchangeEntraToken } = at.gateway;
    at.gateway.exchangeEntraToken = async (...call) => {
      const token = await exchangeEntraToken.apply(at.gateway, call);
      await change();
      return token;
    };
    try {
      return await at.service.exchange({ ...wanted, exchange }, { actor, request });
    } finally {
      at.gateway.exchangeEntraToken = exchangeEntraToken;
    }
  };
  const exchanged = async () => {
    const rows = await log.database.query<{ leaf: Buffer }>(
      `SELECT leaf FROM audit_entry WHERE action = 'token.exchange' AND actor_subject = $1
       ORDER BY entry_index`,
      [holder.objectId],
    );
    return rows.map(({ leaf }) => JSON.parse(leaf.toString()) as AuditEvent);
  };
  const renewAll = async () => {
    await new RecordedMappings(log).beginMassRevocation({ tenant: canonicalName(holder.tenant) });
  };

  it.each<[string, () => Promise<unknown>, new () => ServiceError]>([
    ['is deleted', unassign, AccessNotAssigned],
    ['is deleted and made again', async () => (await unassign(), assign()), AssignmentPending],
    ['lets fewer applications', async () => assign(newGuid()), AssignmentPending],
    ['is revoked with many', renewAll, AssignmentPending],
    [
      'is revoked by its user',
      async () => at.mappings.signOut({ actor, request }),
      AssignmentPending,
    ],
  ])(
    'withholds a token whose assignment %s while ACS is called',
    async (_what, change, refusal) => {
      await assign();
      await expect(exchangeDuring(change)).rejects.toBeInstanceOf(refusal);
      expect(await exchanged()).toMatchObject([
        { outcome: 'failure', details: { withheld: true } },
        { reason: { code: new refusal().code } },
      ]);
    },
  );

  const createIdentity = async (): Promise<{ id: string; tenant: 'any' }> => {
    const identity = { tenant: holder.tenant, subject: holder.objectId, kind: 'user' } as const;
    const { mapping } = await at.mappings.ensureActive({ identity, actor, request });
    return { id: mapping.id, tenant: 'any' };
  };

  it.each<[string, () => Promise<unknown>, string]>([
    [
      'is suspended',
      async () =>
        at.administration.update(
          await createIdentity(),
          { status: 'suspended' },
          { actor, request },
        ),
      'mapping-not-active',
    ],
    [
      'is deleted',
      async () => {
        at.gateway.failNext('delete', new UpstreamUnavailable());
        await at.administration.delete(await createIdentity(), { actor, request });
      },
      'mapping-not-active',
    ],
    [
      'loses its tokens',
      async () => at.mappings.revokeTokens(await createIdentity(), { actor, request }),
      'revocation-pending',
    ],
  ])(
    'withholds a token of somebody whose first identity %s while ACS is called',
    async (_what, change, code) => {
      await expect(exchangeDuring(change, 'entra')).rejects.toMatchObject({ code });
      expect(await exchanged()).toMatchObject([
        { details: { withheld: true }, reason: { code } },
        { reason: { code } },
      ]);
    },
  );

  it('releases a token of somebody whose first identity is created while ACS is called', async () => {
    expect((await exchangeDuring(createIdentity, 'entra')).token).toBeTypeOf('string');
    expect(await exchanged()).toMatchObject([{ outcome: 'success' }]);
  });

  it('releases a token under an assignment that stays, also of somebody who has an identity', async () => {
    await assign();
    const identity = { tenant: holder.tenant, subject: holder.objectId, kind: 'user' } as const;
    for (const hasIdentity of [false, true]) {
      if (hasIdentity) await at.mappings.ensureActive({ identity, actor, request });
      expect((await exchangeDuring(async () => Promise.resolve())).token).toBeTypeOf('string');
    }
    expect((await exchanged()).map(({ outcome }) => outcome)).toEqual(['success', 'success']);
  });
});
