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
import { hasExpired, type MassRevocation } from './mass-revocation.js';
import { MassRevocationMetrics } from './mass-revocation-metrics.js';
import { hasTargets, MassRevocationStore } from './mass-revocation-store.js';

/** Calls to ACS at the same time, enough for a window's permits in a few seconds. */
const CONCURRENCY = 16;
const CHUNK_SIZE = 256;
const MAX_ATTEMPTS = 3;
/** Between two passes over what is left, and after a failure that says nothing of its end. */
const PAUSE_MS = 2_000;
/** However long ACS demands: what it said may be over, and a proxy may have said it. */
const MAX_PAUSE_MS = 10_000;
/** The part of the time in which the identities that are left are counted, at most. */
const MAX_COUNTING = 0.1;
const EXPIRED = {
  code: 'tokens-expired',
  detail: 'ACS has not confirmed everything; the last token has expired meanwhile',
};
const RENEWAL_MS = 1_000;
/** Without an identity revoked for so long, another replica may reach ACS or record where this one can't. */
const STUCK_MS = 20_000;
/** Enough for another replica to look for work. */
const REST_MS = 5_000;
/** How long a lease lasts beyond a call that begins when it was renewed: so long a renewal may take. */
const LEASE_MARGIN_MS = 3_000;
/** Between two looks for work, also for that of a worker that has died. */
const SWEEP_MS = 1_000;

const CONTEXT: CallContext = {
  actor: { kind: 'system', name: 'mass-revocation' },
  priority: 'bulk',
};

/** What the worker has, as its lease was last renewed. */
interface Hold {
  lease: Lease;
  /** The newest first. */
  open: readonly MassRevocation[];
  /** When the last identity was revoked, or the work began. By `Clock.monotonicNow`. */
  progressAt: number;
  /** Ends it: the lease is lost or given back, or nothing is left to do. */
  readonly over: AbortController;
  /** Aborts with `over`, or when the worker is to stop. */
  readonly signal: AbortSignal;
}

/**
 * Asks ACS to revoke the tokens of the identities of mass revocations, at the speed of the request budget.
 *
 * One worker over all replicas works at a time, under a lease that it renews, on all mass revocations:
 * on each ACS resource at the same time, so that one that fails keeps nobody else waiting, and within a
 * resource on each mass revocation in turn. Its progress is in the mappings: a worker that takes over
 * continues where the other one stopped. A worker that makes none gives the lease back and rests, because
 * its replica may be all that fails.
 */
@Injectable()
export class MassRevocationWorker implements OnApplicationBootstrap {
  readonly #holder = randomUUID();
  #restsUntil = -Infinity;

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

  /** Works until nothing is left to do, or it is to be left to another worker. @throws DatabaseUnavailable */
  async sweep(signal: AbortSignal): Promise<void> {
    if (this.clock.monotonicNow() < this.#restsUntil) return;
    const lease = this.#newLease();
    const open = await this.store.claim(lease);
    if (open.length === 0) return;
    const over = new AbortController();
    const hold: Hold = {
      ...{ lease, open, over, progressAt: this.clock.monotonicNow() },
      signal: AbortSignal.any([signal, over.signal]),
    };
    const keeping = this.#keepLease(hold);
    try {
      await this.#workOn(hold);
    } catch (error) {
      this.#rest();
      throw error;
    } finally {
      await keeping;
      await this.store.release(hold.lease);
    }
  }

  #rest(): void {
    this.#restsUntil = this.clock.monotonicNow() + REST_MS;
  }

  /**
   * Renews the lease, and learns of new mass revocations with it, until it is over or the work is stuck.
   * Never rejects.
   */
  async #keepLease(hold: Hold): Promise<void> {
    for (;;) {
      await this.#pause(RENEWAL_MS, hold);
      if (hold.signal.aborted) return;
      if (this.clock.monotonicNow() > hold.progressAt + STUCK_MS) {
        this.logger.warn({}, 'mass revocations make no progress in this replica, others may try');
        this.#rest();
        break;
      }
      const lease = this.#newLease();
      try {
        const open = await this.store.claim(lease);
        if (open.length === 0) break;
        Object.assign(hold, { lease, open });
      } catch (error) {
        this.logger.warn({ error }, 'the lease of a mass revocation could not be renewed');
      }
      if (this.clock.monotonicNow() > hold.lease.endsAt) break;
    }
    hold.over.abort();
  }

  /** Works on each ACS resource that has identities left, and ends the mass revocations that have none. */
  async #workOn(hold: Hold): Promise<void> {
    const working = new Map<string, Promise<void>>();
    try {
      for (;;) {
        const startedAt = this.clock.monotonicNow();
        const resources = await this.#finishDone(hold);
        if (hold.signal.aborted || hold.open.length === 0) return;
        for (const resource of resources) {
          if (working.has(resource)) continue;
          const work = this.#revokeAt(resource, hold).finally(() => working.delete(resource));
          working.set(resource, work);
        }
        const tookMs = this.clock.monotonicNow() - startedAt;
        const pause = this.#pause(Math.max(PAUSE_MS, tookMs / MAX_COUNTING), hold);
        await Promise.race([pause, ...working.values()]);
      }
    } finally {
      hold.over.abort();
      await Promise.allSettled(working.values());
    }
  }

  /** Ends the mass revocations that have nothing left, or only expired tokens. @returns the ACS resources of what the others have left */
  async #finishDone(hold: Hold): Promise<ReadonlySet<string>> {
    const resources = new Set<string>();
    let left = 0;
    for (const revocation of hold.open) {
      const remaining = await this.store.remaining(revocation);
      const [identities, assignments] = [total(remaining.identities), total(remaining.assignments)];
      if (revocation.identities === undefined) {
        await this.store.setCounts(revocation.id, { identities, assignments });
      }
      if (hold.signal.aborted) break;
      // The recovery worker of the assignments renews them.
      const isDone = identities + assignments === 0;
      if (!isDone && !hasExpired(revocation, new Date(this.clock.now()))) {
        for (const resource of remaining.identities.keys()) resources.add(resource);
        left += identities;
        continue;
      }
      await this.#finish(revocation, { identities, assignments });
      hold.open = hold.open.filter(({ id }) => id !== revocation.id);
    }
    this.metrics.setRemaining(left);
    // Only assignments are left, which other workers renew: this one is not stuck.
    if (resources.size === 0) hold.progressAt = this.clock.monotonicNow();
    return resources;
  }

  /** Revokes at one ACS resource until nothing is left there. Pauses at the end when it could do nothing. */
  async #revokeAt(resource: string, hold: Hold): Promise<void> {
    const cursors = new Map<string, string>();
    let revoked = 0;
    for (let isMore = true; isMore && !hold.signal.aborted;) {
      isMore = false;
      for (const revocation of hold.open) {
        const { id } = revocation;
        const page = { resource, after: cursors.get(id), limit: CHUNK_SIZE };
        const mappings = await this.store.next(revocation, page);
        const last = mappings.at(-1);
        if (!last) continue;
        cursors.set(id, last.id);
        isMore = true;
        revoked += await this.#revokeAll(mappings, revocation, hold);
      }
    }
    if (revoked === 0) await this.#pause(PAUSE_MS, hold);
  }

  /** @returns of how many ACS has confirmed it */
  async #revokeAll(
    mappings: readonly ProvisionedMapping[],
    revocation: MassRevocation,
    hold: Hold,
  ): Promise<number> {
    const queue = mappings.values();
    let revoked = 0;
    await Promise.all(
      Array.from({ length: CONCURRENCY }, async () => {
        for (const mapping of queue) {
          if (hold.signal.aborted) return;
          if (!(await this.#revoke(mapping, revocation, hold))) continue;
          hold.progressAt = this.clock.monotonicNow();
          revoked += 1;
        }
      }),
    );
    return revoked;
  }

  /** @param unconfirmed what ACS had not confirmed when the last token had expired */
  async #finish(
    revocation: MassRevocation,
    unconfirmed: { readonly identities: number; readonly assignments: number },
  ): Promise<void> {
    const { id, filter, identities = 0, assignments = 0 } = revocation;
    const isConfirmed = unconfirmed.identities + unconfirmed.assignments === 0;
    try {
      await this.audit.record(
        {
          ...auditActorOf(CONTEXT),
          action: 'revocation.end',
          outcome: isConfirmed ? 'success' : 'failure',
          ...(filter.tenant !== undefined && { target: { tenant: filter.tenant } }),
          ...(!isConfirmed && { reason: EXPIRED }),
          details: {
            ...{ revocation: id, identities },
            ...(assignments > 0 && { assignments }),
            ...(!isConfirmed && {
              unconfirmedIdentities: unconfirmed.identities,
              unconfirmedAssignments: unconfirmed.assignments,
            }),
          },
        },
        this.store.finish(revocation),
      );
      if (isConfirmed) this.logger.info({ revocation: id }, 'a mass revocation is complete');
      else this.logger.warn({ revocation: id, unconfirmed }, 'a mass revocation has expired');
    } catch (error) {
      if (!(error instanceof MappingChanged)) throw error;
    }
    if (hasTargets(filter)) await this.store.dropTargets(id);
  }

  /** Asks ACS and records its confirmation. What fails is left for the next pass. @returns whether it is recorded */
  async #revoke(
    mapping: ProvisionedMapping,
    revocation: MassRevocation,
    hold: Hold,
  ): Promise<boolean> {
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
        return await this.#record(mapping, revocation, evidence, hold);
      } catch (error) {
        const isDeferred = error instanceof ServiceError && error.status === 429;
        if (!isDeferred && (attempt === MAX_ATTEMPTS || error instanceof ResourceNotConfigured)) {
          this.metrics.count('failed');
          const fields = { identityId: mapping.id, revocation: revocation.id, error };
          this.logger.warn(
            fields,
            'a mass revocation could not revoke the tokens of an identity yet',
          );
          return false;
        }
        if (!isDeferred) attempt += 1;
        const seconds = error instanceof ServiceError ? error.retryAfterSeconds : undefined;
        const pauseMs = seconds === undefined ? PAUSE_MS : seconds * 1_000;
        await this.#pause(Math.min(pauseMs, MAX_PAUSE_MS), hold);
      }
    }
    return false;
  }

  /**
   * Repeated until the outcome is known, so that no call to ACS is repeated without need. Once also when the
   * worker is to stop, or has lost its lease: the change is conditional.
   */
  async #record(
    mapping: ProvisionedMapping,
    revocation: MassRevocation,
    upstream: { readonly secretVersion?: string; readonly correlationVector?: string },
    hold: Hold,
  ): Promise<boolean> {
    do {
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
        return true;
      } catch (error) {
        // A suspension, a deletion or another revocation came first, and ends these tokens too.
        if (error instanceof MappingChanged) return true;
        if (!(error instanceof AuditUnavailable)) throw error;
        await this.#pause(PAUSE_MS, hold);
      }
    } while (!hold.signal.aborted);
    return false;
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

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
