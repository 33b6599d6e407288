import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type AuditReceipt, AuditTrail, recordingRefusal } from '#libs/audit';
import {
  communicationServicesSettings,
  type CommunicationServicesSettings,
} from '#libs/communication-services';
import { type CallContext, type CanonicalName, Logger } from '#libs/platform';
import { NobodyToRevoke, RevocationNotFound } from '../errors.js';
import { auditActorOf } from '../lifecycle/call-context.js';
import type {
  IdentitySelector,
  MassRevocation,
  NamedIdentities,
  RevocationFilter,
  RevocationForecast,
  RevocationProgress,
} from './mass-revocation.js';
import { MassRevocationStore, type RevocationCounts } from './mass-revocation-store.js';

export interface MassRevocationRequest {
  readonly filter: RevocationFilter;
  readonly reason: string;
}

/** A mass revocation that has begun. */
export interface StartedRevocation extends RevocationProgress {
  readonly auditEntry: AuditReceipt;
}

/** Revokes the tokens of many identities: from one instant for this service, and one after the other at ACS. */
@Injectable()
export class MassRevocationService {
  constructor(
    private readonly store: MassRevocationStore,
    private readonly audit: AuditTrail,
    private readonly logger: Logger,
    @Inject(communicationServicesSettings.key)
    private readonly settings: CommunicationServicesSettings,
  ) {}

  /**
   * How many identities a mass revocation would concern. Recorded; changes nothing.
   *
   * @param named for an `invitation`
   * @throws NobodyToRevoke when there is no such ACS resource, recorded as well. A filter that nobody meets
   * is no error here.
   */
  async forecast(
    filter: RevocationFilter,
    context: CallContext,
    named?: NamedIdentities,
  ): Promise<RevocationForecast> {
    const forecast = await recordingRefusal(
      this.audit,
      { action: 'identity.read', target: targetOf(filter) },
      context,
      async () => {
        const found = this.#forecastOf(await this.store.count(filter, named));
        if (isNobody(found) && !this.#isConfigured(filter.resource)) throw new NobodyToRevoke();
        return found;
      },
    );
    await this.audit.record({
      ...auditActorOf(context),
      action: 'identity.read',
      outcome: 'success',
      ...(filter.tenant !== undefined && { target: { tenant: filter.tenant } }),
      details: { route: 'revocations', ...detailsOf(filter), found: forecast.identities },
    });
    return forecast;
  }

  /**
   * Starts a mass revocation: from the commit of its entry no replica issues a token to an identity of
   * the filter until ACS has revoked the identity's old ones. A worker asks ACS in the background.
   *
   * @param named for an `invitation`, which ends with it also when it has let in nobody. What it throws
   * is thrown, and nothing has begun.
   * @throws NobodyToRevoke when nobody meets a filter without invitation, recorded as well
   */
  async start(
    { filter, reason }: MassRevocationRequest,
    context: CallContext,
    named?: IdentitySelector,
  ): Promise<StartedRevocation> {
    const id = randomUUID();
    const { clientApp, tenant } = filter;
    const newest = clientApp && (await this.store.prepareTargets(id, clientApp));
    if (named) await this.store.prepareNamed(id, named.known);
    else await this.#requireSomebody(id, filter, context);
    const auditEntry = await this.audit.record(
      {
        ...auditActorOf(context),
        action: 'revocation.start',
        outcome: 'success',
        ...(tenant !== undefined && { target: { tenant } }),
        reason: { code: 'mass-revocation', detail: reason },
        details: { revocation: id, ...detailsOf(filter) },
      },
      this.store.begin({ id, filter, reason }, { newest, select: named?.select }),
    );
    const revocation = await this.#require(id);
    const counts = await this.store.remaining(revocation);
    const remaining = this.#forecastOf(counts);
    await this.store.setCounts(id, remaining);
    const { identities, assignments } = remaining;
    this.logger.info({ revocation: id, identities, assignments }, 'a mass revocation has begun');
    return { revocation: { ...revocation, identities, assignments }, remaining, auditEntry };
  }

  /**
   * @param tenant whose mass revocations the caller may see; `any` for operators
   * @throws RevocationNotFound for one of another tenant, or of all, as for a missing one
   */
  async show(id: string, tenant: CanonicalName | 'any'): Promise<RevocationProgress> {
    const revocation = await this.#require(id);
    if (tenant !== 'any' && revocation.filter.tenant !== tenant) throw new RevocationNotFound();
    return this.#progressOf(revocation);
  }

  /** The newest mass revocations of all tenants, newest first. */
  async list(): Promise<readonly RevocationProgress[]> {
    const revocations = await this.store.list();
    return Promise.all(revocations.map(async (revocation) => this.#progressOf(revocation)));
  }

  async #requireSomebody(
    id: string,
    filter: RevocationFilter,
    context: CallContext,
  ): Promise<void> {
    const access = { action: 'revocation.start', target: targetOf(filter) } as const;
    await recordingRefusal(this.audit, access, context, async () => {
      if (!(await this.store.concernsSomebody(id, filter))) throw new NobodyToRevoke();
    });
  }

  /** Whether a resource is configured, or the filter names none. */
  #isConfigured(resource: string | undefined): boolean {
    return resource === undefined || this.settings.resources.names().includes(resource);
  }

  async #require(id: string): Promise<MassRevocation> {
    const revocation = await this.store.get(id);
    if (!revocation) throw new RevocationNotFound();
    return revocation;
  }

  async #progressOf(revocation: MassRevocation): Promise<RevocationProgress> {
    return { revocation, remaining: this.#forecastOf(await this.store.remaining(revocation)) };
  }

  /** Each resource has limits of its own, and takes calls at the same time. */
  #forecastOf(counts: RevocationCounts): RevocationForecast {
    const { limits, windowMs } = this.settings.budget;
    const [identities, assignments] = [counts.identities, counts.assignments].map((some) => [
      ...some.values(),
    ]) as [number[], number[]];
    const windows = Math.max(
      0,
      ...identities.map((count) => count / limits.revoke),
      ...assignments.map((count) => count / Math.min(limits.unassign, limits.assign)),
    );
    return {
      identities: sum(identities),
      assignments: sum(assignments),
      seconds: Math.ceil((windows * windowMs) / 1_000),
    };
  }
}

function isNobody({ identities, assignments }: RevocationForecast): boolean {
  return identities === 0 && assignments === 0;
}

function targetOf({ tenant }: RevocationFilter): { readonly tenant?: CanonicalName } {
  return tenant === undefined ? {} : { tenant };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function detailsOf({
  clientApp,
  kind,
  resource,
  issuedBefore,
  invitation,
  tenant,
}: RevocationFilter): Record<string, string> {
  const before = issuedBefore?.toISOString();
  const filters = { clientApp, kind, resource, issuedBefore: before, invitation };
  const given = Object.entries(filters).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const isEverybody = given.length === 0;
  return {
    ...Object.fromEntries(given),
    ...(isEverybody && { identities: tenant === undefined ? 'all' : 'all of the tenant' }),
  };
}
