import { Injectable } from '@nestjs/common';
import { type AuditEvent, type AuditReceipt, AuditTrail, TokenFingerprints } from '#libs/audit';
import { CommunicationIdentityGateway } from '#libs/communication-services';
import {
  type ApplicationIdentity,
  type EnsuredMapping,
  IdentityKindConflict,
  gatewayCallOf,
  OtherIdentity,
  type ProvisionedMapping,
  IdentityMappingService,
  MappingChanged,
  MappingNotFound,
  recordingRefusal,
} from '#libs/identity-mapping';
import { recordStep, traced, type VisitorActor } from '#libs/platform';
import { IssuanceMetrics } from '../metrics.js';
import { IssuanceAuditor } from './issuance-auditor.js';
import {
  type Admission,
  type CallerContext,
  type IssuanceRequest,
  policySubjectOf,
} from './issuance-request.js';
import { IssuancePolicies } from '../policy-loading/issuance-policies.js';
import { VisitorHasToken } from '../policy/errors.js';
import type { GrantedDecision, ScopeSunset, TokenOptions } from '../policy/issuance-policy.js';
import { SingleFlight } from './single-flight.js';
import { type ReusableToken, TokenReuse } from '../cache/token-reuse.js';
import { jitteredLifetime } from './jitter.js';
import { TokenQuota } from './token-quota.js';

/** A token and what it was issued for. */
export interface IssuedToken {
  /** Opaque; its format may change. Never logged; encrypted at rest. */
  readonly token: string;
  readonly expiresOn: Date;
  readonly scopes: readonly string[];
  readonly mapping: ProvisionedMapping;
  readonly auditEntry: AuditReceipt;
  /** Those of the scopes that ACS will stop supporting. */
  readonly sunsets: readonly ScopeSunset[];
}

/** A token whose audit entry is durable, so that it may be released. */
interface RecordedToken extends ReusableToken {
  readonly auditEntry: AuditReceipt;
  readonly isReused: boolean;
}

/**
 * Issues ACS access tokens under the policy. No token is released before its audit entry is durable.
 *
 * The private methods are the steps of one request, in their order.
 */
@Injectable()
export class TokenIssuanceService {
  readonly #flights = new SingleFlight<RecordedToken>();

  constructor(
    private readonly policies: IssuancePolicies,
    private readonly mappings: IdentityMappingService,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly audit: AuditTrail,
    private readonly fingerprints: TokenFingerprints,
    private readonly quota: TokenQuota,
    private readonly reuse: TokenReuse,
    private readonly auditor: IssuanceAuditor,
    private readonly metrics: IssuanceMetrics,
  ) {}

  /**
   * Issues an access token for the caller's own identity, creating it on first use.
   *
   * Safe to repeat: a repeat gives a token for the same identity; under a rule with reuse, the same
   * token while it is valid for long enough.
   *
   * @throws NoRuleApplies, ScopesNotAllowed, LifetimeNotAllowed when the policy refuses
   * @throws TokenQuotaExceeded when the identity has had its tokens for the hour
   * @throws UpstreamUnavailable when ACS did not respond within `acs.timeoutMs`
   * @throws AuditUnavailable when the issuance could not be recorded; no token was released
   */
  async issueForCaller(options: TokenOptions, context: CallerContext): Promise<IssuedToken> {
    const { tenant, subject, kind } = context.actor;
    const identity = { tenant, subject, kind };
    return this.#decideAndIssue({ ...context, identity, isForOthers: false }, options);
  }

  /**
   * Issues an access token as `issueForCaller` does, but creates no identity.
   *
   * @param ownId the `communicationUserId` that the caller names as its own; absent: whichever it is
   * @throws MappingNotFound when the caller has no communication identity
   * @throws OtherIdentity when the caller's own is another one, or there is none
   */
  async issueForMappedCaller(
    options: TokenOptions,
    context: CallerContext,
    ownId?: string,
  ): Promise<IssuedToken> {
    const { tenant, subject, kind } = context.actor;
    const identity = { tenant, subject, kind };
    const access = { action: 'token.issue', target: identity } as const;
    const mapping = await recordingRefusal(this.audit, access, context, async () =>
      this.#ownMapping(identity, ownId),
    );
    return this.#decideAndIssue({ ...context, identity, isForOthers: false, mapping }, options);
  }

  /**
   * Finds or creates the caller's own identity, if the policy would give the caller a token for it.
   *
   * @throws NoRuleApplies when it would not
   * @throws as `IdentityMappingService.findOrCreate`
   */
  async ensureIdentityOfCaller(
    context: CallerContext,
  ): Promise<{ readonly mapping: ProvisionedMapping; readonly isNew: boolean }> {
    const { tenant, subject, kind } = context.actor;
    const identity = { tenant, subject, kind };
    const request = { ...context, identity, isForOthers: false };
    const access = { action: 'identity.create', target: identity } as const;
    return recordingRefusal(this.audit, access, context, async () => {
      const decision = this.policies.current.decide(policySubjectOf(request), {});
      if ('refusal' in decision) throw decision.refusal;
      return this.mappings.ensureActive(request);
    });
  }

  /**
   * Issues an access token for a mapped identity of the caller's tenant, for callers that may do so.
   * Otherwise as `issueForCaller`.
   *
   * @throws MappingNotFound when there is no such mapping, or it is another tenant's
   * @throws IdentityKindConflict when the mapping is the caller's own under another kind
   * @throws VisitorHasToken when it is a visitor's
   */
  async issueForMapping(
    mappingId: string,
    options: TokenOptions,
    context: CallerContext,
  ): Promise<IssuedToken> {
    const { actor } = context;
    const isOwnSubject = ({ tenant, subject }: ApplicationIdentity): boolean =>
      tenant === actor.tenant && subject === actor.subject;
    const mapping = await this.auditor.recordingRefusal(mappingId, context, async () => {
      const found = await this.mappings.get(mappingId, actor.tenant);
      if (found.kind === 'visitor') throw new VisitorHasToken();
      if (isOwnSubject(found) && found.kind !== actor.kind) throw new IdentityKindConflict();
      return found;
    });
    const { tenant, subject, kind } = mapping;
    const identity = { tenant, subject, kind };
    const isOwn = isOwnSubject(identity);
    return this.#decideAndIssue({ ...context, identity, isForOthers: !isOwn, mapping }, options);
  }

  /**
   * Issues an access token for the new identity of a visitor.
   *
   * @param visitor an identity that no other call is about
   * @throws what `visitor.admission` rejects with, and as `issueForCaller`
   */
  async issueForVisitor(
    visitor: { readonly identity: ApplicationIdentity; readonly admission: Admission },
    options: TokenOptions,
    context: CallerContext<VisitorActor>,
  ): Promise<IssuedToken> {
    return this.#decideAndIssue({ ...context, ...visitor, isForOthers: false }, options);
  }

  async #ownMapping(identity: ApplicationIdentity, ownId?: string): Promise<ProvisionedMapping> {
    const mapping = await this.mappings.find(identity).catch((error: unknown) => {
      // The same answer as to the owner of another identity.
      throw ownId !== undefined && error instanceof MappingNotFound ? new OtherIdentity() : error;
    });
    if (ownId !== undefined && ownId !== mapping.communicationUserId) throw new OtherIdentity();
    return mapping;
  }

  async #decideAndIssue(request: IssuanceRequest, options: TokenOptions): Promise<IssuedToken> {
    return traced('issue a token', {}, async () => this.#issue(request, options));
  }

  async #issue(request: IssuanceRequest, options: TokenOptions): Promise<IssuedToken> {
    const policy = this.policies.current;
    const startedAt = performance.now();
    const decision = policy.decide(policySubjectOf(request), options);
    recordStep('decide by the policy', {
      startedAt,
      attributes: { 'acs_identity.policy.rule': decision.rule ?? 'none' },
    });
    this.metrics.observeEvaluatedRules(decision.evaluatedRules);
    try {
      if ('refusal' in decision) throw decision.refusal;
      const { token, expiresOn, mapping, auditEntry, isReused } = decision.grant.isReusable
        ? await this.#reuseOrIssue(request, decision)
        : await this.#issueWithinQuota(request, decision);
      const { scopes } = decision.grant;
      const sunsets = policy.sunsetsOf(scopes);
      this.metrics.observeRequest(decision.rule, isReused ? 'reused' : 'issued');
      for (const { scope } of sunsets) this.metrics.observeSunsetScope(scope);
      return { token, expiresOn, scopes, mapping, auditEntry, sunsets };
    } catch (error) {
      await this.auditor.recordRefusal('token.issue', request, decision, error);
      throw error;
    }
  }

  /**
   * Gives a cached token, or issues one. Equal requests at the same time share one token, unless it is
   * revoked before all of them have recorded it.
   */
  async #reuseOrIssue(request: IssuanceRequest, decision: GrantedDecision): Promise<RecordedToken> {
    const { value: shared, isLeader } = await this.#flights.join(
      this.reuse.keyOf(request.identity, decision),
      async (signal) => {
        const leader = { ...request, request: { ...request.request, signal } };
        const cached = await this.reuse.find(leader, decision);
        const reused = cached && (await this.#recordReuse(leader, decision, cached));
        return reused ?? this.#issueWithinQuota(leader, decision);
      },
      request.request.signal,
    );
    if (isLeader) return shared;
    const reused = await this.#recordReuse(request, decision, shared);
    return reused ?? this.#reuseOrIssue(request, decision);
  }

  /**
   * Records the reuse under the condition that the tokens of the identity were not revoked meanwhile.
   *
   * @returns `undefined` when they were: the token is of no use, and what is right now is decided as for
   *   a new token
   */
  async #recordReuse(
    request: IssuanceRequest,
    decision: GrantedDecision,
    reused: ReusableToken,
  ): Promise<RecordedToken | undefined> {
    const { mapping, fingerprint, expiresOn } = reused;
    const event: AuditEvent = {
      ...this.auditor.event('token.reuse', { ...request, mapping }, decision),
      outcome: 'success',
      token: { ...fingerprint, scopes: decision.grant.scopes, expiresOn },
    };
    const options = this.auditor.optionsFor(event, request);
    try {
      const unchanged = this.mappings.unchanged(mapping);
      const auditEntry = await this.audit.record(event, unchanged, options);
      return { ...reused, auditEntry, isReused: true };
    } catch (error) {
      if (error instanceof MappingChanged) return undefined;
      throw error;
    }
  }

  /** Issues a new token, which counts against the identity's quota if it is released. */
  async #issueWithinQuota(
    request: IssuanceRequest,
    decision: GrantedDecision,
  ): Promise<RecordedToken> {
    const release = await this.quota.take(request.identity, decision.grant.tokensPerHour);
    try {
      return await this.#issueAndCommit(request, decision);
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** Ensures the identity, issues the token, commits both to the log and stores the token for reuse. */
  async #issueAndCommit(
    request: IssuanceRequest,
    decision: GrantedDecision,
  ): Promise<RecordedToken> {
    this.audit.requireCapacity(); // before ACS issues a token in vain
    const { scopes, isReusable } = decision.grant;
    const options = { scopes, expiresInMinutes: jitteredLifetime(decision.grant) };

    const ensured: EnsuredMapping = request.mapping
      ? { mapping: await this.mappings.requireActive(request.mapping) }
      : await this.mappings.findOrCreate(request, options);
    // Without a commit, a background task maps the new identity and the token is discarded.
    using creation = ensured.creation;
    const { mapping } = ensured;

    const { communicationUserId } = mapping;
    const { token, expiresOn, evidence } =
      creation?.issued ??
      (await this.gateway.issueToken(gatewayCallOf(mapping, request), {
        communicationUserId,
        ...options,
      }));
    const fingerprint = await this.fingerprints.of(token);
    const issued = { token, expiresOn, mapping, fingerprint };

    const event: AuditEvent = {
      ...this.auditor.event('token.issue', { ...request, mapping }, decision),
      outcome: 'success',
      token: { ...fingerprint, scopes, expiresOn },
      upstream: evidence,
    };
    const auditEntry = await this.#recordOrWithhold(request, event, ensured);

    if (isReusable) await this.reuse.store(decision, issued, evidence.secretVersion);
    return { ...issued, auditEntry, isReused: false };
  }

  /**
   * Records the token, with its new identity or under the condition that its tokens were not revoked
   * meanwhile. A token that is not released is recorded as withheld.
   */
  async #recordOrWithhold(
    request: IssuanceRequest,
    event: AuditEvent,
    { mapping, creation }: EnsuredMapping,
  ): Promise<AuditReceipt> {
    const options = this.auditor.optionsFor(event, request);
    const { admission } = request;
    const expiresOn = event.token?.expiresOn;
    const condition = admission && expiresOn ? [admission(expiresOn)] : [];
    try {
      return creation
        ? await creation.commit(event, options, condition)
        : await this.audit.record(event, this.mappings.unchanged(mapping), options);
    } catch (error) {
      const refusal =
        error instanceof MappingChanged ? await this.mappings.refusalOf(mapping) : error;
      if (refusal === options.signal?.reason) await this.auditor.recordGone(event);
      else await this.auditor.recordWithheld(event, refusal);
      throw refusal;
    }
  }
}
