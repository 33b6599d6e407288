import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { AuditTrail, AuditUnavailable } from '#libs/audit';
import {
  CommunicationIdentityGateway,
  communicationServicesSettings,
  type CommunicationServicesSettings,
  ResourceNotConfigured,
} from '#libs/communication-services';
import { type CallContext, Clock, Logger, ServiceError, Sweeps } from '#libs/platform';
import { MappingChanged } from '../errors.js';
import { auditActorOf, gatewayCallOf } from '../lifecycle/call-context.js';
import { auditTargetOf, type ProvisionedMapping } from '../model/mapping.js';
import type { Lease } from '../store/identity-map.js';
import type { MassRevocation } from './mass-revocation.js';
import { MassRevocationMetrics } from './mass-revocation-metrics.js';
import { hasTargets, MassRevocationStore } from './mass-revocation-store.js';

/** Calls to ACS at the same time, enough for a window's permits in a few seconds. */
const CONCURRENCY = 16;
const CHUNK_SIZE = 256;
const MAX_ATTEMPTS = 3;
/** Between two passes over what is left, and after a failure that says nothing of its end. */
const PAUSE_MS = 2_000;
const RENEWAL_MS = 1_000;
/** How long a lease lasts beyond a call that begins when it was renewed: so long a renewal may take. */
const LEASE_MARGIN_MS = 3_000;
/** Between two looks for work, also for that of a worker that has died. */
const SWEEP_MS = 1_000;

const CONTEXT: CallContext = {
  actor: { kind: 'system', name: 'mass-revocation' },
  priority: 'bulk',
};

/** The lease as it was last renewed. */
interface Hold {
  lease: Lease;
  /** Aborts when the lease is lost, or the worker is to stop. */
  readonly signal: AbortSignal;
}

/**
 * Asks ACS to revoke the tokens of the identities of mass revocations, at the speed of the request budget.
 *
 * One worker over all replicas works at a time, under a lease that it renews. Its progress is in the
 * mappings: a worker that takes over continues where the other one stopped.
 */
@Injectable()
export class MassRevocationWorker implements OnApplicationBootstrap {
  readonly #holder = randomUUID();

  constructor(
    private readonly store: MassRevocationStore,
    private readonly gateway: CommunicationIdentityGateway,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: MassRevocationMetrics,
    @Inject(communicationServicesSettings.key)
    private readonly settings: CommunicationServicesSettings,
    private readonly sweeps: Sweeps,
  ) {}

  onApplicationBootstrap(): void {
    const run = async (signal: AbortSignal): Promise<void> => this.sweep(signal);
    this.sweeps.start({ name: 'mass revocation', run, intervalMs: SWEEP_MS, jitter: 0.5 });
  }

  /** Works until nothing is left to do, or another worker has taken over. @throws DatabaseUnavailable */
  async sweep(signal: AbortSignal): Promise<void> {
    const first = this.#newLease();
    const cursors = new Map<string, string>();
    let revocation = await this.store.claim(first);
    if (!revocation) return;
    const lost = new AbortController();
    const hold: Hold = { lease: first, signal: AbortSignal.any([signal, lost.signal]) };
    const renewing = this.#renew(hold, lost);
    try {
      while (revocation && !hold.signal.aborted) {
        await this.#workOn(revocation, cursors, hold);
        const lease = this.#newLease();
        revocation = await this.store.claim(lease);
        hold.lease = lease;
      }
    } finally {
      lost.abort();
      await renewing;
      await this.store.release(hold.lease);
    }
  }

  /** Works on the next mappings of a mass revocation; after the last, ends it if none is left. */
  async #workOn(
    revocation: MassRevocation,
    cursors: Map<string, string>,
    hold: Hold,
  ): Promise<void> {
    const { id } = revocation;
    if (revocation.identities === undefined) {
      await this.store.setCounts(id, await this.#countLeft(revocation));
    }
    const mappings = await this.store.next(revocation, cursors.get(id), CHUNK_SIZE);
    const last = mappings.at(-1);
    if (last) cursors.set(id, last.id);
    else cursors.delete(id);
    const queue = mappings.values();
    await Promise.all(
      Array.from({ length: CONCURRENCY }, async () => {
        for (const mapping of queue) {
          if (hold.signal.aborted) return;
          await this.#revoke(mapping, revocation, hold);
        }
      }),
    );
    if (last || hold.signal.aborted) return;
    const { identities, assignments } = await this.#countLeft(revocation);
    this.metrics.setRemaining(identities);
    // The recovery worker of the assignments renews them.
    if (identities + assignments === 0) await this.#finish(revocation);
    else await this.#pause(PAUSE_MS, hold);
  }

  async #countLeft(
    revocation: MassRevocation,
  ): Promise<{ readonly identities: number; readonly assignments: number }> {
    const { identities, assignments } = await this.store.remaining(revocation);
    const [left = 0, leftToRenew = 0] = [identities, assignments].map((counts) =>
      [...counts.values()].reduce((sum, count) => sum + count, 0),
    );
    return { identities: left, assignments: leftToRenew };
  }

  async #finish(revocation: MassRevocation): Promise<void> {
    const { id, filter, identities = 0, assignments = 0 } = revocation;
    try {
      await this.audit.record(
        {
          ...auditActorOf(CONTEXT),
          action: 'revocation.end',
          outcome: 'success',
          ...(filter.tenant !== undefined && { target: { tenant: filter.tenant } }),
          details: { revocation: id, identities, ...(assignments > 0 && { assignments }) },
        },
        this.store.finish(revocation),
      );
      this.logger.info({ revocation: id, identities }, 'a mass revocation is complete');
    } catch (error) {
      if (!(error instanceof MappingChanged)) throw error;
    }
    if (hasTargets(filter)) await this.store.dropTargets(id);
  }

  /** Asks ACS and records its confirmation. What fails is left for the next pass. Never rejects. */
  async #revoke(
    mapping: ProvisionedMapping,
    revocation: MassRevocation,
    hold: Hold,
  ): Promise<void> {
    const call = {
      ...gatewayCallOf(mapping, CONTEXT),
      // As it is when the call begins: it waits for the budget for a while.
      get rightEndsAt(): number {
        return hold.lease.endsAt;
      },
    };
    for (let attempt = 1; !hold.signal.aborted;) {
      try {
        const { evidence } = await this.gateway.revokeTokens(call, mapping.communicationUserId);
        await this.#record(mapping, revocation, evidence, hold);
        return;
      } catch (error) {
        const isDeferred = error instanceof ServiceError && error.status === 429;
        if (!isDeferred && (attempt === MAX_ATTEMPTS || error instanceof ResourceNotConfigured)) {
          this.metrics.count('failed');
          const fields = { identityId: mapping.id, revocation: revocation.id, error };
          this.logger.warn(
            fields,
            'a mass revocation could not revoke the tokens of an identity yet',
          );
          return;
        }
        if (!isDeferred) attempt += 1;
        const seconds = error instanceof ServiceError ? error.retryAfterSeconds : undefined;
        await this.#pause(seconds === undefined ? PAUSE_MS : seconds * 1_000, hold);
      }
    }
  }

  /** Repeated until the outcome is known, so that no call to ACS is repeated without need. */
  async #record(
    mapping: ProvisionedMapping,
    revocation: MassRevocation,
    upstream: { readonly secretVersion?: string; readonly correlationVector?: string },
    hold: Hold,
  ): Promise<void> {
    while (!hold.signal.aborted) {
      try {
        await this.audit.record(
          {
            ...auditActorOf(CONTEXT),
            action: 'token.revoke',
            outcome: 'success',
            target: auditTargetOf(mapping),
            reason: { code: 'mass-revocation' },
            upstream,
            details: {
              stage: 'completed',
              tokenGeneration: mapping.tokenGeneration + 1,
              revocation: revocation.id,
            },
          },
          this.store.finishOne(mapping, revocation),
        );
        this.metrics.count('revoked');
        return;
      } catch (error) {
        // A suspension, a deletion or another revocation came first, and ends these tokens too.
        if (error instanceof MappingChanged) return;
        if (!(error instanceof AuditUnavailable)) throw error;
        await this.#pause(PAUSE_MS, hold);
      }
    }
  }

  async #renew(hold: Hold, lost: AbortController): Promise<void> {
    for (;;) {
      await this.#pause(RENEWAL_MS, hold);
      if (hold.signal.aborted) return;
      const lease = this.#newLease();
      try {
        // Between two mass revocations there is none to renew.
        if (await this.store.renew(lease)) hold.lease = lease;
      } catch (error) {
        this.logger.warn({ error }, 'the lease of a mass revocation could not be renewed');
      }
      if (this.clock.monotonicNow() > hold.lease.endsAt) lost.abort();
    }
  }

  #newLease(): Lease {
    const durationMs = this.settings.timeoutMs + LEASE_MARGIN_MS;
    const endsAt = this.clock.monotonicNow() + durationMs;
    return { holder: this.#holder, durationMs, endsAt };
  }

  async #pause(ms: number, { signal }: Hold): Promise<void> {
    await this.clock.sleep(ms, signal).catch(() => undefined);
  }
}
