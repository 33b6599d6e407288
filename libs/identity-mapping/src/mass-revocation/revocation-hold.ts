import type { Clock } from '#libs/platform';
import type { Lease } from '../store/identity-map.js';
import type { MassRevocation } from './mass-revocation.js';

/** Without an identity revoked for so long, another replica may reach ACS or record where this one can't. */
const STUCK_MS = 20_000;
/** Where no other replica could, the next one is waited for longer, so that the rest is seldom interrupted. */
const MAX_LIMIT_MS = 320_000;

/** By ACS resource, how long a replica works without progress, where it is longer than at first. */
export type ProgressLimits = Map<string, number>;

/** What the worker has, as its lease was last renewed. */
export class RevocationHold {
  /** Ends it: the lease is lost or given back, or nothing is left to do. */
  readonly over = new AbortController();
  /** Aborts with `over`, or when the worker is to stop. */
  readonly signal: AbortSignal;
  /** By ACS resource, when the last identity was revoked, or the work there began. By `Clock.monotonicNow`. */
  readonly #progressAt = new Map<string, number>();
  /** When it was last known what is left. */
  #lookedAt: number;

  /** @param open the newest first */
  constructor(
    public lease: Lease,
    public open: readonly MassRevocation[],
    stop: AbortSignal,
    private readonly limits: ProgressLimits,
    private readonly clock: Clock,
  ) {
    this.signal = AbortSignal.any([stop, this.over.signal]);
    this.#lookedAt = clock.monotonicNow();
  }

  /** @param resources the ACS resources that have identities left */
  expectProgressAt(resources: ReadonlySet<string>): void {
    this.#lookedAt = this.clock.monotonicNow();
    for (const name of this.#progressAt.keys()) {
      if (!resources.has(name)) this.#progressAt.delete(name);
    }
    for (const name of resources) {
      if (!this.#progressAt.has(name)) this.#progressAt.set(name, this.#lookedAt);
    }
  }

  noteProgress(resource: string): void {
    this.limits.delete(resource);
    this.#progressAt.set(resource, this.clock.monotonicNow());
  }

  /** Whether there is no progress: at every ACS resource, or at some of them. */
  get stuck(): 'everywhere' | 'somewhere' | undefined {
    const now = this.clock.monotonicNow();
    if (this.#progressAt.size === 0) {
      return now - this.#lookedAt > STUCK_MS ? 'everywhere' : undefined;
    }
    const stuck = this.#stuckAt(now);
    if (stuck.length === 0) return undefined;
    return stuck.length === this.#progressAt.size ? 'everywhere' : 'somewhere';
  }

  /** Waits longer for the ACS resources without progress the next time. */
  extendLimits(): void {
    for (const name of this.#stuckAt(this.clock.monotonicNow())) {
      this.limits.set(name, Math.min(this.#limitFor(name) * 2, MAX_LIMIT_MS));
    }
  }

  #stuckAt(now: number): readonly string[] {
    return [...this.#progressAt]
      .filter(([name, at]) => now - at > this.#limitFor(name))
      .map(([name]) => name);
  }

  #limitFor(resource: string): number {
    return this.limits.get(resource) ?? STUCK_MS;
  }
}
