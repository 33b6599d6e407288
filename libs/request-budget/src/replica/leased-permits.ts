import type { Clock } from '#libs/platform';
import type { Permit, Throttled } from '../request-budget.js';
import { type ReplicaReport, SLOTS_PER_WINDOW } from '../window/replica-report.js';

/** Permits granted together, as far as they are unused. */
interface HeldLease {
  readonly id: string;
  /** A call that starts later could still run after its permit was granted to another replica. */
  readonly usableUntil: number;
  /** From then on unused permits go back to the window. */
  readonly returnAt: number;
  unused: number;
}

/** The permits leased to this replica: unused ones, those in use, and calls that ended. */
export class LeasedPermits {
  #leases: HeldLease[] = [];
  #ended: { readonly leaseId: string; readonly at: number }[] = [];
  #inUse = 0;

  constructor(
    private readonly context: {
      readonly clock: Clock;
      readonly windowMs: number;
      readonly onReleased: (throttled: Throttled | undefined) => void;
    },
  ) {}

  /** How many permits can be taken now. */
  get available(): number {
    const now = this.context.clock.monotonicNow();
    let sum = 0;
    for (const { unused, usableUntil } of this.#leases) if (usableUntil > now) sum += unused;
    return sum;
  }

  /** @returns `undefined` when none is left */
  take(): Permit | undefined {
    const { clock, onReleased } = this.context;
    const now = clock.monotonicNow();
    const lease = this.#leases.find(({ unused, usableUntil }) => unused > 0 && usableUntil > now);
    if (!lease) return undefined;
    lease.unused -= 1;
    this.#inUse += 1;
    let isReleased = false;
    return {
      usableForMs: () => lease.usableUntil - clock.monotonicNow(),
      release: ({ throttled, isUnused = false } = {}) => {
        if (isReleased) return;
        isReleased = true;
        this.#inUse -= 1;
        if (isUnused) this.#restore(lease);
        else this.#ended.push({ leaseId: lease.id, at: clock.monotonicNow() });
        onReleased(throttled);
      },
    };
  }

  add(lease: Omit<HeldLease, 'unused'>, granted: number): void {
    if (granted > 0) this.#leases.push({ ...lease, unused: granted });
  }

  /** Whether there is nothing to report, now or later. */
  get isIdle(): boolean {
    return this.#inUse === 0 && this.#leases.length === 0 && this.#ended.length === 0;
  }

  /** Whether a report has something to say now. */
  get isReportDue(): boolean {
    const now = this.context.clock.monotonicNow();
    return this.#ended.length > 0 || this.#leases.some(({ returnAt }) => returnAt <= now);
  }

  /** Removes and returns what is to be reported. @param returnsAll usable permits are returned too */
  takeReport(returnsAll: boolean): Pick<ReplicaReport, 'finishedCalls' | 'unusedPermits'> {
    const now = this.context.clock.monotonicNow();
    const slotMs = this.context.windowMs / SLOTS_PER_WINDOW;
    const returned = this.#leases.filter(({ returnAt }) => returnsAll || returnAt <= now);
    this.#leases = this.#leases.filter((lease) => !returned.includes(lease) && lease.unused > 0);
    const unusedPermits = returned
      .filter(({ unused }) => unused > 0)
      .map(({ id, unused }) => ({ leaseId: id, count: unused }));
    // One that is in use now may still come back unused.
    for (const lease of returned) lease.unused = 0;
    const slots = new Map<string, { leaseId: string; at: number; count: number }>();
    for (const { leaseId, at } of this.#ended) {
      const key = `${leaseId} ${Math.floor(at / slotMs)}`;
      const slot = slots.get(key) ?? { leaseId, at, count: 0 };
      slots.set(key, { leaseId, at: Math.max(at, slot.at), count: slot.count + 1 });
    }
    this.#ended = [];
    return {
      finishedCalls: [...slots.values()].map(({ leaseId, at, count }) => ({
        leaseId,
        ageMs: now - at,
        count,
      })),
      unusedPermits,
    };
  }

  #restore(lease: HeldLease): void {
    lease.unused += 1;
    if (!this.#leases.includes(lease)) this.#leases.push(lease);
  }
}
