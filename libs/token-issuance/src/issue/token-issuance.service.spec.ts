import { createHash } from 'node:crypto';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { AuditUnavailable, type TokenFingerprint, TokenFingerprints } from '#libs/audit';
import { MemoryAuditTrail, newestEntriesOf } from '#libs/audit/testing';
import { CommunicationResources, UpstreamUnavailable } from '#libs/communication-services';
import { MemoryCommunicationIdentityGateway } from '#libs/communication-services/testing';
import { MemoryIdentityMap, wireIdentityMapping } from '#libs/identity-mapping/testing';
import { canonicalName, type Principal } from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { Secret, SecretUnavailable } from '#libs/secrets';
import { MemorySecretStore } from '#libs/secrets/testing';
import { IssuanceMetrics } from '../metrics.js';
import { IssuanceAuditor } from './issuance-auditor.js';
import { IssuancePolicies } from '../policy-loading/issuance-policies.js';
import { readPolicy } from '../policy/policy-file.js';
import { MemoryTokenCache } from '../testing/memory-token-cache.js';
import { TokenReuse } from '../cache/token-reuse.js';
import { TokenIssuanceService } from './token-issuance.service.js';
import { MemoryTokenQuota } from '../testing/memory-token-quota.js';

const POLICY = `
version: 1
scopes: { voip: {}, chat: {} }
rules:
  - name: bots
    when: { kind: [bot] }
    allow:
      scopes: [voip]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 60, longest: 60 }
      reuse: true
      tokensPerHour: 2
  - name: users
    when: { kind: [user] }
    allow:
      scopes: [voip, chat]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 120, longest: 1440 }
`;
const resources = new CommunicationResources(
  [
    {
      name: 'default',
      endpoint: 'https://acs.example',
      immutableResourceId: 'e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001',
      credentialSecret: 'acs-connection-string',
      tenants: [],
    },
  ],
  'default',
);
const request = { requestId: 'request-1' };

function callerOf(kind: Principal['kind'], subject = 'alice'): Principal {
  return {
    kind,
    subject: canonicalName(subject),
    tenant: canonicalName('contoso'),
    clientApp: canonicalName('crm'),
    issuer: 'https://issuer.example',
    permissions: ['CommunicationToken.Issue'],
    isGuest: false,
  };
}

class PlainFingerprints extends TokenFingerprints {
  /** When set, the key can't be read. */
  outage: Error | undefined;
  count = 0;

  async of(token: string): Promise<TokenFingerprint> {
    if (this.outage) throw this.outage;
    this.count += 1;
    return this.withKey(token, 'key-1');
  }

  async withKey(token: string, fingerprintKey: string): Promise<TokenFingerprint> {
    const fingerprint = createHash('sha256').update(token).digest('base64url');
    return Promise.resolve({ fingerprint, fingerprintKey });
  }
}

/** The service over memory fakes. */
function open() {
  const clock = new ManualClock();
  const logger = new MemoryLogger();
  const audit = new MemoryAuditTrail();
  const cache = new MemoryTokenCache(clock);
  const gateway = new MemoryCommunicationIdentityGateway(resources, clock);
  const map = new MemoryIdentityMap(clock);
  const adapters = { map, gateway, audit, resources, clock, logger };
  const { mappings, administration } = wireIdentityMapping(adapters);
  const secrets = new MemorySecretStore(clock);
  // The version that the memory gateway reports in its evidence.
  const credential = { version: 'memory' };
  secrets.read = async (name) =>
    Promise.resolve(new Secret({ name, version: credential.version, value: 'key' }));
  const metrics = new IssuanceMetrics(new Registry(), clock);
  const policies = new IssuancePolicies(
    audit,
    newestEntriesOf(audit),
    cache,
    clock,
    logger,
    metrics,
    {
      policy: { path: undefined, initial: readPolicy(POLICY) },
      policyRefreshMs: 5000,
      cacheKeySecret: 'token-cache-key',
    },
  );
  const fingerprints = new PlainFingerprints();
  const service = new TokenIssuanceService(
    policies,
    mappings,
    gateway,
    audit,
    fingerprints,
    new MemoryTokenQuota(clock),
    new TokenReuse(cache, mappings, resources, secrets),
    new IssuanceAuditor(audit, metrics),
    metrics,
  );
  const wired = { audit, fingerprints, gateway, mappings, administration, service };
  return { ...wired, clock, credential, secrets };
}

describe('TokenIssuanceService', () => {
  let at: ReturnType<typeof open>;
  const issue = async (actor: Principal, options: { scopes?: string[] } = {}) =>
    at.service.issueForCaller(options, { actor, request });
  const calls = () => at.gateway.calls.map(({ operation }) => operation);
  const recorded = () => at.audit.entries.map(({ action, outcome }) => `${action} ${outcome}`);

  beforeEach(() => {
    at = open();
  });

  it('creates the identity and its first token in one call, and records both before it releases the token', async () => {
    const issued = await issue(callerOf('user'));
    expect(calls()).toEqual(['createWithToken']);
    expect(recorded()).toEqual(['identity.create success', 'token.issue success']);
    const entry = at.audit.entries[issued.auditEntry.index];
    expect(entry).toMatchObject({
      id: issued.auditEntry.id,
      policy: { rule: 'users' },
      token: { scopes: ['voip'], expiresOn: issued.expiresOn },
    });
    expect(JSON.stringify(at.audit.entries)).not.toContain(issued.token);
  });

  it('issues later tokens for the same identity, with the requested scopes', async () => {
    const first = await issue(callerOf('user'));
    const second = await issue(callerOf('user'), { scopes: ['chat'] });
    expect(calls()).toEqual(['createWithToken', 'issue']);
    expect(second.mapping.communicationUserId).toBe(first.mapping.communicationUserId);
    expect(second.scopes).toEqual(['chat']);
  });

  it('refuses what no rule allows, with an audit entry and without a call to ACS', async () => {
    await expect(issue(callerOf('service'))).rejects.toMatchObject({ status: 403 });
    await expect(issue(callerOf('bot'), { scopes: ['chat'] })).rejects.toMatchObject({
      code: 'scopes-not-allowed',
    });
    expect(calls()).toEqual([]);
    expect(recorded()).toEqual(['token.issue denied', 'token.issue denied']);
  });

  it('reuses a token under a rule with reuse, and records each reuse', async () => {
    const first = await issue(callerOf('bot'));
    const again = await issue(callerOf('bot'));
    expect(again.token).toBe(first.token);
    expect(calls()).toEqual(['createWithToken']);
    expect(recorded().at(-1)).toBe('token.reuse success');
    const [one, other] = at.audit.entries.slice(-2).map(({ token }) => token?.fingerprint);
    expect(other).toBe(one);
  });

  it('does not reuse a token of an ACS credential that was replaced since', async () => {
    const first = await issue(callerOf('bot'));
    at.credential.version = 'rotated';
    const second = await issue(callerOf('bot'));
    expect(second.token).not.toBe(first.token);
    expect(calls()).toEqual(['createWithToken', 'issue']);
    expect(recorded().at(-1)).toBe('token.issue success');
  });

  it('releases no cached token while the version of the ACS credential is unknown', async () => {
    await issue(callerOf('bot'));
    at.secrets.read = async () => Promise.reject(new SecretUnavailable());
    await expect(issue(callerOf('bot'))).rejects.toBeInstanceOf(SecretUnavailable);
    expect(recorded().at(-1)).toBe('token.issue failure');
  });

  it('makes one call to ACS for equal concurrent requests', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, async () => issue(callerOf('bot'))));
    expect(new Set(all.map(({ token }) => token)).size).toBe(1);
    expect(calls()).toEqual(['createWithToken']);
    expect(recorded().filter((entry) => entry.startsWith('token.'))).toHaveLength(5);
  });

  it('does not count requests that failed against the quota', async () => {
    for (const attempt of ['first', 'second', 'third']) {
      at.gateway.failNext('createWithToken', new UpstreamUnavailable());
      await expect(issue(callerOf('bot')), attempt).rejects.toBeInstanceOf(UpstreamUnavailable);
    }
    await expect(issue(callerOf('bot'))).resolves.toMatchObject({ scopes: ['voip'] });
    expect(recorded().filter((entry) => entry === 'token.issue failure')).toHaveLength(3);
  });

  it('computes the fingerprint of a token once', async () => {
    await issue(callerOf('user'));
    await issue(callerOf('user'));
    await issue(callerOf('bot', 'support'));
    await issue(callerOf('bot', 'support'));
    expect(at.fingerprints.count).toBe(3);
  });

  it.each([
    ['user', 'bot'],
    ['bot', 'user'],
  ] as const)('gives a %s nothing of a %s of the same name', async (kind, other) => {
    await issue(callerOf(other));
    await expect(issue(callerOf(kind))).rejects.toMatchObject({ code: 'identity-kind-conflict' });
    expect(calls()).toEqual(['createWithToken']);
  });

  it('commits a new identity in the background when its token has no fingerprint, without the token', async () => {
    at.fingerprints.outage = new SecretUnavailable();
    await expect(issue(callerOf('user'))).rejects.toBeInstanceOf(SecretUnavailable);
    at.fingerprints.outage = undefined;
    const issued = await issue(callerOf('user'));
    expect(calls()).toEqual(['createWithToken', 'issue']);
    expect([...at.gateway.identities.keys()]).toEqual([issued.mapping.communicationUserId]);
    expect(recorded().sort()).toEqual([
      'identity.create success',
      'token.issue failure',
      'token.issue success',
    ]);
  });

  it('releases no token that could not be recorded', async () => {
    await issue(callerOf('user'));
    at.audit.outage = new AuditUnavailable();
    await expect(issue(callerOf('user'))).rejects.toBeInstanceOf(AuditUnavailable);
    expect(calls()).toEqual(['createWithToken', 'issue']);
    expect(recorded()).toHaveLength(2);
  });

  it('withholds a token when the identity’s tokens were revoked during the call to ACS, and records it', async () => {
    const { mapping } = await issue(callerOf('user'));
    const issueToken = at.gateway.issueToken.bind(at.gateway);
    at.gateway.issueToken = async (...call) => {
      const issued = await issueToken(...call);
      await at.mappings.revokeTokens(
        { id: mapping.id, tenant: 'any' },
        { actor: callerOf('user') },
      );
      return issued;
    };
    await expect(issue(callerOf('user'))).rejects.toMatchObject({ code: 'revocation-pending' });
    const withheld = at.audit.entries.find(({ details }) => details?.withheld === true);
    expect(withheld).toMatchObject({ action: 'token.issue', outcome: 'failure' });
    expect(withheld?.token?.fingerprint).toHaveLength(43);
    expect(recorded().filter((entry) => entry === 'token.issue success')).toHaveLength(1);
  });

  describe('when the identity changes after its cached token was found', () => {
    const bot = callerOf('bot');
    const context = { actor: bot, request };
    type Change = (mappingId: string) => Promise<unknown>;
    const revoke: Change = async (id) => at.mappings.revokeTokens({ id, tenant: 'any' }, context);
    const suspend: Change = async (id) =>
      at.administration.update({ id, tenant: 'any' }, { status: 'suspended' }, context);
    const remove: Change = async (id) => at.administration.delete({ id, tenant: 'any' }, context);
    /** Issues again, and changes the identity between the lookup of the cached token and its entry. */
    const issueDuring = async (change: () => Promise<unknown>) => {
      const { read } = at.secrets;
      at.secrets.read = async (name) => {
        at.secrets.read = read;
        await change();
        return read(name);
      };
      return issue(bot);
    };

    it.each([
      ['that is suspended', suspend, 'mapping-not-active', 'denied'],
      ['that is being deleted', remove, 'mapping-not-active', 'denied'],
      ['whose tokens are being revoked', revoke, 'revocation-pending', 'failure'],
    ] as const)(
      'refuses an identity %s as it refuses a new token, and records no reuse',
      async (_what, change, code, outcome) => {
        const { mapping } = await issue(bot);
        for (const operation of ['revoke', 'delete'] as const) {
          at.gateway.failNext(operation, new UpstreamUnavailable());
        }
        const again = issueDuring(async () => change(mapping.id));
        await expect(again).rejects.toMatchObject({ code });
        expect(at.audit.entries.at(-1)).toMatchObject({
          ...{ action: 'token.issue', outcome, reason: { code } },
        });
        expect(recorded()).not.toContain('token.reuse success');
        expect(calls()).not.toContain('issue');
      },
    );

    it('issues a new token when ACS has revoked the earlier ones', async () => {
      const first = await issue(bot);
      const again = await issueDuring(async () => revoke(first.mapping.id));
      expect(again.token).not.toBe(first.token);
      expect(at.audit.entries.at(-1)).toMatchObject({ action: 'token.issue', outcome: 'success' });
      expect(recorded()).not.toContain('token.reuse success');
    });

    it('gives all who shared a call to ACS one new token when that token was revoked', async () => {
      const { record } = at.audit;
      at.audit.record = async (event, ...rest) => {
        const receipt = await record.call(at.audit, event, ...rest);
        if (event.action === 'token.issue') {
          at.audit.record = record;
          await revoke(event.target?.identityId ?? expect.unreachable());
        }
        return receipt;
      };
      await at.mappings.ensureActive({ identity: bot, ...context });
      const tokens = (await Promise.all([1, 2, 3].map(async () => issue(bot)))).map(
        ({ token }) => token,
      );
      expect(tokens[1]).not.toBe(tokens[0]);
      expect(tokens[2]).toBe(tokens[1]);
      expect(calls().filter((operation) => operation === 'issue')).toHaveLength(2);
    });
  });

  it.each([
    ['a visitor', callerOf('user'), 'visitor', 'visitor-has-token'],
    ['the caller under another kind', callerOf('user', 'guest'), 'bot', 'identity-kind-conflict'],
  ] as const)(
    'refuses and records a token for the identity of %s',
    async (_who, actor, kind, code) => {
      const { tenant } = actor;
      const identity = { tenant, subject: canonicalName('guest'), kind };
      const { mapping } = await at.mappings.ensureActive({ identity, actor, request });
      const refused = at.service.issueForMapping(mapping.id, {}, { actor, request });
      await expect(refused).rejects.toMatchObject({ code });
      expect(at.audit.entries.at(-1)).toMatchObject({
        ...{ action: 'token.issue', outcome: 'denied', reason: { code } },
        target: { identityId: mapping.id },
      });
    },
  );
});
