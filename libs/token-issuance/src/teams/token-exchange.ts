import { Injectable } from '@nestjs/common';
import {
  type AuditEvent,
  type AuditReceipt,
  AuditTrail,
  together,
  TokenFingerprints,
  type TransactionalWrite,
} from '#libs/audit';
import type { ExchangedToken } from '#libs/communication-services';
import {
  type ApplicationIdentity,
  IdentityMappingService,
  MappingChanged,
  MappingNotFound,
  type ProvisionedMapping,
  RevocationPending,
} from '#libs/identity-mapping';
import type { CommunicationUserId } from '#libs/platform';
import { IssuanceAuditor } from '../issue/issuance-auditor.js';
import type { IssuanceRequest } from '../issue/issuance-request.js';
import { TokenQuota } from '../issue/token-quota.js';
import { IssuanceMetrics } from '../metrics.js';
import type { Decision, ExchangeGrant } from '../policy/issuance-policy.js';

/** A token of ACS that a user got for one of Entra. */
export interface ReleasedToken {
  /** Opaque. */
  readonly token: string;
  readonly expiresOn: Date;
  readonly communicationUserId: CommunicationUserId;
  readonly auditEntry: AuditReceipt;
}

/** A condition under which the token of an exchange may be released. */
export interface ReleaseCondition {
  /** To be recorded with the token. */
  readonly unchanged: TransactionalWrite;
  /** @returns why it did not hold; an error of something else as it is */
  readonly refusalOf: (error: unknown) => Promise<unknown>;
}

interface Exchange {
  /** Who requests it, also in its entries. */
  readonly request: IssuanceRequest;
  readonly decision: Decision<ExchangeGrant>;
  /** Of the token, in its entry: which scopes it has, only ACS knows. */
  readonly scope: string;
  readonly send: () => Promise<ExchangedToken>;
  /** Besides that of the caller's mapping. */
  readonly condition?: ReleaseCondition | undefined;
}

/** The steps that every exchange takes. No token is released before its audit entry is durable. */
@Injectable()
export class TokenExchange {
  constructor(
    private readonly mappings: IdentityMappingService,
    private readonly audit: AuditTrail,
    private readonly fingerprints: TokenFingerprints,
    private readonly quota: TokenQuota,
    private readonly auditor: IssuanceAuditor,
    private readonly metrics: IssuanceMetrics,
  ) {}

  /** Exchanges within policy and quota, and records the outcome. */
  async perform(exchange: Exchange): Promise<ReleasedToken> {
    const { request, decision } = exchange;
    this.metrics.observeEvaluatedRules(decision.evaluatedRules);
    try {
      if ('refusal' in decision) throw decision.refusal;
      this.audit.requireCapacity(); // before ACS issues a token in vain
      const mapping = await this.#requireNotSuspended(request.identity);
      const release = await this.quota.take(request.identity, decision.grant.tokensPerHour);
      try {
        const conditions = [this.#conditionOf(request.identity, mapping), exchange.condition];
        const released = await this.#sendAndRecord(
          exchange,
          conditions.filter((condition) => condition !== undefined),
        );
        this.metrics.observeRequest(decision.rule, 'exchanged');
        return released;
      } catch (error) {
        await release();
        throw error;
      }
    } catch (error) {
      await this.auditor.recordRefusal('token.exchange', request, decision, error);
      throw error;
    }
  }

  async #sendAndRecord(
    { request, decision, scope, send }: Exchange,
    conditions: readonly ReleaseCondition[],
  ): Promise<ReleasedToken> {
    const { token, expiresOn, communicationUserId, evidence } = await send();
    const common = this.auditor.event('token.exchange', request, decision);
    const event: AuditEvent = {
      ...common,
      outcome: 'success',
      target: { ...common.target, communicationUserId },
      token: { ...(await this.fingerprints.of(token)), scopes: [scope], expiresOn },
      upstream: evidence,
    };
    const options = this.auditor.optionsFor(event, request);
    try {
      const unchanged = conditions.map((condition) => condition.unchanged);
      const write = unchanged.length > 0 ? together(unchanged) : undefined;
      const auditEntry = await this.audit.record(event, write, options);
      return { token, expiresOn, communicationUserId, auditEntry };
    } catch (error) {
      let refusal = error;
      for (const { refusalOf } of conditions) refusal = await refusalOf(refusal);
      if (refusal === options.signal?.reason) await this.auditor.recordGone(event);
      else await this.auditor.recordWithheld(event, refusal);
      throw refusal;
    }
  }

  /** That the mapping is active, also a first one, and that none of its tokens were revoked meanwhile. */
  #conditionOf(identity: ApplicationIdentity, mapping?: ProvisionedMapping): ReleaseCondition {
    return {
      unchanged: mapping ? this.mappings.unchanged(mapping) : this.mappings.unrevoked(identity),
      refusalOf: async (error) =>
        error instanceof MappingChanged ? await this.#refusalOf(identity, mapping) : error,
    };
  }

  async #refusalOf(identity: ApplicationIdentity, known?: ProvisionedMapping): Promise<unknown> {
    try {
      const mapping = known ?? (await this.#find(identity));
      if (mapping) await this.mappings.requireUnchanged(mapping);
      return new RevocationPending();
    } catch (refusal) {
      return refusal;
    }
  }

  /** An exchange needs no mapping, but a caller with a suspended one gets no token this way either. */
  async #requireNotSuspended(
    identity: ApplicationIdentity,
  ): Promise<ProvisionedMapping | undefined> {
    const mapping = await this.#find(identity);
    if (mapping) await this.mappings.requireUnchanged(mapping);
    return mapping;
  }

  async #find(identity: ApplicationIdentity): Promise<ProvisionedMapping | undefined> {
    try {
      return await this.mappings.find(identity);
    } catch (error) {
      if (error instanceof MappingNotFound) return undefined;
      throw error;
    }
  }
}
