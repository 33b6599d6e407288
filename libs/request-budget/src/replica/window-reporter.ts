import { randomUUID } from 'node:crypto';
import type { Clock } from '#libs/platform';
import type { FinishedTag, FlowKey } from '../window/fair-queue.js';
import { reconcile } from '../window/reconcile.js';
import {
  type Allocation,
  MAX_REPORTED,
  type ReplicaReport,
  type Reservation,
  type WindowLimits,
} from '../window/replica-report.js';
import type { WindowKey, WindowStore } from '../window/window-store.js';
import type { LeasedPermits } from './leased-permits.js';
import type { WaitQueue } from './wait-queue.js';

/** A report is sent this soon when other replicas may need it. */
const MIN_REPORT_DELAY_MS = 50;

/** Collects what this replica has to report, and exchanges it with the shared window for permits. */
export class WindowReporter {
  /** Since the last report. */
  finishedTags: FinishedTag[] = [];
  reservations: (Omit<Reservation, 'inMs'> & FlowKey & { readonly dueAt: number })[] = [];
  throttled: ReplicaReport['throttled'];
  readonly #closed = new AbortController();
  #isScheduled = false;

  constructor(
    private readonly permits: LeasedPermits,
    private readonly context: {
      readonly key: WindowKey;
      readonly limits: WindowLimits;
      readonly replicaId: string;
      readonly store: WindowStore;
      readonly clock: Clock;
      /** A scheduled report is due. */
      readonly onDue: () => void;
    },
  ) {}

  /**
   * Reports, and adds the permits that are granted. What was reported is not reported again, not
   * even when the store fails.
   */
  async send(
    queue: WaitQueue,
    wants: { readonly prefetch: number; readonly returnsAll: boolean },
  ): Promise<Allocation> {
    const { clock, key, limits, store } = this.context;
    // Read before the report is sent, so that a lease expires here before it does in the store.
    const sentAt = clock.monotonicNow();
    const report = this.#take(queue, wants);
    const claim = report.arrivals.flatMap(({ requester }) => requester ?? []);
    const allocation = await store.update(
      key,
      { claim, add: report.reservations },
      (state, now, reservations) => reconcile(state, report, { ...limits, now, reservations }),
    );
    const now = clock.monotonicNow();
    const lease = {
      id: report.leaseId,
      usableUntil: sentAt + limits.leaseMs,
      // With capacity to spare, unused permits may stay for the next requests.
      returnAt: allocation.free > 0 ? now + limits.windowMs / 10 : now,
    };
    this.permits.add(lease, allocation.granted);
    return allocation;
  }

  /** Makes a report due soon, so that other replicas can use what ended here. */
  schedule(): void {
    if (this.#isScheduled || this.#closed.signal.aborted || this.#isSettled) return;
    this.#isScheduled = true;
    const { clock, limits, onDue } = this.context;
    const delayMs = this.#hasReservations ? 0 : limits.windowMs / 20;
    void clock
      .sleep(Math.max(MIN_REPORT_DELAY_MS, delayMs), this.#closed.signal)
      .then(() => {
        this.#isScheduled = false;
        if (this.#hasReservations || this.permits.isReportDue) onDue();
        else this.schedule();
      })
      .catch(() => undefined);
  }

  /** Returns unused permits to the window and ends scheduled reports. */
  async close(queue: WaitQueue): Promise<void> {
    this.#closed.abort(new Error('the request budget is closed'));
    if (this.permits.isIdle && !this.#hasReservations) return;
    await this.send(queue, { prefetch: 0, returnsAll: true });
  }

  #take(
    queue: WaitQueue,
    { prefetch, returnsAll }: { readonly prefetch: number; readonly returnsAll: boolean },
  ): ReplicaReport {
    const now = this.context.clock.monotonicNow();
    const report: ReplicaReport = {
      replicaId: this.context.replicaId,
      leaseId: randomUUID(),
      arrivals: queue.arrivals.map(({ tenant, clientApp, requester, earlier }) => ({
        ...{ tenant, clientApp, earlier },
        ...(requester !== undefined && { requester }),
      })),
      queuedTags: queue.tagged.slice(0, MAX_REPORTED).map(({ tag }) => tag),
      queuedBulk: queue.bulk.length,
      finishedTags: this.finishedTags,
      reservations: this.reservations.map(({ dueAt, ...reservation }) => ({
        ...reservation,
        inMs: dueAt - now,
      })),
      prefetch,
      ...this.permits.takeReport(returnsAll),
      ...(this.throttled && { throttled: this.throttled }),
    };
    this.finishedTags = [];
    this.reservations = [];
    this.throttled = undefined;
    return report;
  }

  get #hasReservations(): boolean {
    return this.reservations.length > 0;
  }

  /** Whether there is nothing to report, now or later. */
  get #isSettled(): boolean {
    return this.permits.isIdle && this.finishedTags.length + this.reservations.length === 0;
  }
}
