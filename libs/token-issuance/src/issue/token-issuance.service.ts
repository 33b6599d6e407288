import { Injectable } from '@nestjs/common';
import {
  type AuditEvent,
  type AuditReceipt,
  AuditTrail,
  type TokenFingerprint,
  TokenFingerprints,
} from '#libs/audit';
import type { Principal } from '#libs/authentication';
import { CommunicationIdentityGateway, type GatewayCall } from '#libs/communication-services';
import {
  type CreateWithToken,
  type EnsuredMapping,
  type ProvisionedMapping,
  IdentityMappingService,
} from '#libs/identity-mapping';
import type { RequestContext } from '#libs/platform';
import { IssuanceMetrics } from '../metrics.js';
import { type IssuanceRequest, IssuanceAuditor } from './issuance-auditor.js';
import { IssuancePolicies } from '../policy/issuance-policies.js';
import type { Decision, Grant, ScopeSunset, TokenOptions } from '../policy/issuance-policy.js';
import { SingleFlight } from './single-flight.js';
import { TokenReuse } from '../cache/token-reuse.js';
import { jittered } from './jitter.js';
import { TokenQuota } from './token-quota.js';

/** A token and what it was issued for. */
export interface IssuedToken {
  /** Opaque; its format may change. Never logged; at rest only sealed. */
  readonly token: string;
  readonly expiresOn: Date;
  readonly scopes: readonly string[];
  readonly mapping: ProvisionedMapping;
  readonly auditEntry: AuditReceipt;
  /** Those of the scopes that ACS will stop to give. */
  readonly sunsets: readonly ScopeSunset[];
}

/** A token that is recorded and may be released. */
interface Recorded {
  readonly token: string;
  readonly expiresOn: Date;
  readonly mapping: ProvisionedMapping;
  readonly fingerprint: TokenFingerprint;
  readonly auditEntry: AuditReceipt;
  readonly isReused: boolean;
}

type Granted = Extract<Decision, { grant: Grant }>;

/** How the mapping comes about that the token is for. */
type Ensure = (asked: IssuanceRequest, first: CreateWithToken) => Promise<EnsuredMapping>;

type FirstToken = Parameters<CreateWithToken['tokenEvent']>[0];

/** Issues ACS access tokens under the policy; none leaves before its audit entry is durable. */
@Injectable()
export class TokenIssuanceService {
  readonly #flights = new SingleFlight<Recorded>();

  constructor(
    private readonly policies: IssuancePolicies,
    private readonly mappings: IdentityMappingService,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly audit: AuditTrail,
    private readonly fingerprints: TokenFingerprints,
    private readonly quota: TokenQuota,
    private readonly reuse: TokenReuse,
    private readonly records: IssuanceAuditor,
    private readonly metrics: IssuanceMetrics,
  ) {}

  /**
   * Issues an access token for the caller's own identity, creating it on first use.
   *
   * Safe to repeat: a repeat gives a token for the same identity, and where the policy says so the
   * same token while it is still good.
   *
   * @throws NoRuleApplies, ScopesNotAllowed, LifetimeNotAllowed when the policy refuses
   * @throws TokenQuotaExceeded when the identity has had its tokens for the hour
   * @throws UpstreamUnavailable when ACS gave no answer within `acs.timeoutMs`
   * @throws AuditUnavailable when the issuance could not be recorded; no token was released
   */
  async issueForCaller(
    caller: Principal,
    wish: TokenOptions,
    request: RequestContext,
  ): Promise<IssuedToken> {
    const { tenant, subject, kind } = caller;
    const identity = { tenant, subject, kind };
    return this.#issue(
      { caller, request, identity, isForOthers: false },
      wish,
      async (asked, first) =>
        this.mappings.ensureActive({ identity, actor: caller, request: asked.request }, first),
    );
  }

  /**
   * Issues an access token for a mapped identity, on behalf of a caller that may do so for all of
   * its tenant. The rest is as with `issueForCaller`.
   *
   * @throws MappingNotFound when there is none, or it is another tenant's
   */
  async issueForMapping(
    caller: Principal,
    mappingId: string,
    wish: TokenOptions,
    request: RequestContext,
  ): Promise<IssuedToken> {
    const mapping = await this.mappings.get(mappingId, caller.tenant);
    const { tenant, subject, kind } = mapping;
    const asked = {
      caller,
      request,
      identity: { tenant, subject, kind },
      isForOthers: true,
      mapping,
    };
    return this.#issue(asked, wish, async () => ({
      mapping: await this.mappings.requireActive(mapping),
      isNew: false,
    }));
  }

  async #issue(asked: IssuanceRequest, wish: TokenOptions, ensure: Ensure): Promise<IssuedToken> {
    const policy = this.policies.current;
    const decision = policy.decide(this.records.policySubject(asked), wish);
    this.metrics.tried(decision.trials);
    try {
      if ('refusal' in decision) throw decision.refusal;
      const recorded = decision.grant.isReusable
        ? await this.#share(asked, decision, ensure)
        : await this.#fresh(asked, decision, ensure);
      const { token, expiresOn, mapping, auditEntry, isReused } = recorded;
      const { scopes } = decision.grant;
      const sunsets = policy.sunsetsOf(scopes);
      this.metrics.answered(decision.rule, isReused ? 'reused' : 'issued');
      for (const { scope } of sunsets) this.metrics.gaveSunsetScope(scope);
      return { token, expiresOn, scopes, mapping, auditEntry, sunsets };
    } catch (error) {
      await this.records.refusal('token.issue', asked, decision, error);
      throw error;
    }
  }

  /** Hands out a token that is still good, or shares one call to ACS with whoever asks the same. */
  async #share(asked: IssuanceRequest, decision: Granted, ensure: Ensure): Promise<Recorded> {
    const key = this.reuse.keyOf(asked.identity, decision);
    const { value, isLeader } = await this.#flights.join(
      key,
      async (signal) => {
        const leader = { ...asked, request: { ...asked.request, signal } };
        return (await this.#kept(leader, decision)) ?? this.#fresh(leader, decision, ensure);
      },
      asked.request.signal,
    );
    if (isLeader) return value;
    const auditEntry = await this.#recordReuse(asked, decision, value);
    return { ...value, auditEntry, isReused: true };
  }

  async #kept(asked: IssuanceRequest, decision: Granted): Promise<Recorded | undefined> {
    const found = await this.reuse.find(asked, decision);
    if (!found) return undefined;
    const auditEntry = await this.#recordReuse(asked, decision, found);
    return { ...found, auditEntry, isReused: true };
  }

  async #recordReuse(
    asked: IssuanceRequest,
    decision: Granted,
    { mapping, expiresOn, fingerprint }: Pick<Recorded, 'mapping' | 'expiresOn' | 'fingerprint'>,
  ): Promise<AuditReceipt> {
    return this.audit.record({
      ...this.records.event('token.reuse', { ...asked, mapping }, decision),
      outcome: 'success',
      token: { ...fingerprint, scopes: decision.grant.scopes, expiresOn },
    });
  }

  /** Asks ACS, after a place was taken where the rule counts. */
  async #fresh(asked: IssuanceRequest, decision: Granted, ensure: Ensure): Promise<Recorded> {
    const { tokensPerHour } = decision.grant;
    if (tokensPerHour === undefined) return this.#ask(asked, decision, ensure);
    const giveBack = await this.quota.take(asked.identity, tokensPerHour);
    try {
      return await this.#ask(asked, decision, ensure);
    } catch (error) {
      await giveBack().catch(() => undefined); // the place comes free by itself within the hour
      throw error;
    }
  }

  async #ask(asked: IssuanceRequest, decision: Granted, ensure: Ensure): Promise<Recorded> {
    const { scopes } = decision.grant;
    const wish = { scopes, expiresInMinutes: jittered(decision.grant) };
    const fingerprint = async (token: string): Promise<TokenFingerprint> =>
      this.fingerprints.of(token);
    const eventOf = async ({
      mapping,
      token,
      expiresOn,
      evidence,
    }: FirstToken): Promise<AuditEvent> => ({
      ...this.records.event('token.issue', { ...asked, mapping }, decision),
      outcome: 'success',
      token: { ...(await fingerprint(token)), scopes, expiresOn },
      upstream: evidence,
    });
    const { mapping, issued } = await ensure(asked, { wish, tokenEvent: eventOf });
    const first = issued ?? (await this.#issueFor(mapping, asked, wish, eventOf));
    const recorded = {
      token: first.token,
      expiresOn: first.expiresOn,
      mapping,
      fingerprint: await fingerprint(first.token),
      auditEntry: first.auditEntry,
      isReused: false,
    };
    if (decision.grant.isReusable) {
      await this.reuse.keep(decision, recorded, first.evidence.secretVersion);
    }
    return recorded;
  }

  async #issueFor(
    mapping: ProvisionedMapping,
    asked: IssuanceRequest,
    wish: { scopes: readonly string[]; expiresInMinutes: number },
    eventOf: (first: FirstToken) => Promise<AuditEvent>,
  ): Promise<Omit<FirstToken, 'mapping'> & { auditEntry: AuditReceipt }> {
    const { communicationUserId } = mapping;
    const issued = await this.gateway.issueToken(callOf(mapping, asked), {
      communicationUserId,
      ...wish,
    });
    const event = await eventOf({ mapping, ...issued });
    // A token from before a revocation is ended by it at ACS; one from after must not leave.
    await this.mappings.requireUnchanged(mapping).catch(async (error: unknown) => {
      await this.records.withheld(event, error);
      throw error;
    });
    return { ...issued, auditEntry: await this.audit.record(event) };
  }
}

/** The shares of the request budget are the caller's, not the target's. */
function callOf(
  { resource }: ProvisionedMapping,
  { caller, request }: IssuanceRequest,
): GatewayCall {
  const { tenant, clientApp } = caller;
  return { resource, request, tenant, ...(clientApp !== undefined && { clientApp }) };
}
