import { describe, expect, it } from 'vitest';
import { reconcile } from './reconcile.js';
import { type Allocation, MAX_REPORTED, type ReplicaReport } from './replica-report.js';
import { EMPTY_WINDOW, type WindowState } from './window-state.js';

const WINDOW_MS = 10_000;
const LEASE_MS = 2_000;
const CALL_MS = 5_000;
/** A call may count this much longer than a window: for clock skew, and because calls are counted in slots. */
const TOLERANCE_MS = 10 + WINDOW_MS / 1000 + WINDOW_MS / 250;

const app = { tenant: 'contoso', clientApp: 'app' };
const arrivals = (count: number, flow = app): ReplicaReport['arrivals'] =>
  Array.from({ length: count }, () => flow);

/** A window that replicas report to. */
class Window {
  now = 1_000_000;
  state: WindowState = EMPTY_WINDOW;
  reservations = new Map<string, { requester: string; tag: number; inMs: number }>();
  #leases = 0;

  constructor(readonly limit: number) {}

  /** @returns the allocation, with the id of its lease */
  report(
    replicaId: string,
    changes: Partial<ReplicaReport> = {},
  ): Allocation & { leaseId: string } {
    const leaseId = `lease-${(this.#leases += 1)}`;
    const report: ReplicaReport = {
      ...{ replicaId, leaseId, arrivals: [], queuedTags: [], queuedBulk: 0 },
      ...{ finishedTags: [], reservations: [], prefetch: 0, finishedCalls: [], unusedPermits: [] },
      ...changes,
    };
    const { limit, now, reservations } = this;
    const context = { limit, now, reservations, windowMs: WINDOW_MS };
    const { state, result } = reconcile(this.state, report, {
      ...context,
      ...{ leaseMs: LEASE_MS, callMs: CALL_MS },
    });
    this.state = state;
    return { ...result, leaseId };
  }

  /** How many permits could be granted now. Changes nothing. */
  get free(): number {
    const { state } = this;
    const { free } = this.report('probe');
    this.state = state;
    return free;
  }
}

describe('reconcile', () => {
  it('grants the limit and no more, to all replicas together', () => {
    const window = new Window(10);
    expect(window.report('one', { arrivals: arrivals(6) }).granted).toBe(6);
    expect(window.report('other', { arrivals: arrivals(6) }).granted).toBe(4);
    expect(window.report('third', { arrivals: arrivals(6) })).toMatchObject({
      granted: 0,
      free: 0,
    });
  });

  it('counts a call until one window after its end, however long it took', () => {
    const window = new Window(1);
    const { leaseId } = window.report('one', { arrivals: arrivals(1) });
    window.now += 3_000;
    // It ended 500 ms ago.
    window.report('one', { finishedCalls: [{ leaseId, ageMs: 500, count: 1 }] });
    window.now += WINDOW_MS - 500;
    expect(window.free).toBe(0);
    window.now += TOLERANCE_MS;
    expect(window.free).toBe(1);
  });

  it('counts a call whose replica died as if it had lasted as long as it could', () => {
    const window = new Window(2);
    window.report('dead', { arrivals: arrivals(2) });
    window.now += LEASE_MS + CALL_MS + WINDOW_MS;
    expect(window.free).toBe(0);
    window.now += TOLERANCE_MS;
    expect(window.free).toBe(2);
  });

  it('gives unused permits to others at once', () => {
    const window = new Window(4);
    const { leaseId } = window.report('one', { arrivals: arrivals(4) });
    window.report('one', { unusedPermits: [{ leaseId, count: 3 }] });
    expect(window.free).toBe(3);
  });

  it('releases no more than a lease had, and nothing of a lease that expired', () => {
    const window = new Window(4);
    const first = window.report('one', { arrivals: arrivals(2) });
    window.report('other', { arrivals: arrivals(2) });
    const { leaseId } = first;
    window.report('one', { unusedPermits: [{ leaseId, count: 9 }] });
    expect(window.free).toBe(2);
    window.report('one', { unusedPermits: [{ leaseId, count: 2 }] });
    window.report('one', { finishedCalls: [{ leaseId, ageMs: 0, count: 2 }] });
    window.report('one', { finishedCalls: [{ leaseId: 'unknown', ageMs: 0, count: 2 }] });
    expect(window.free).toBe(2);
  });

  it('leaves to other replicas what their lower tags get, while they report', () => {
    const window = new Window(3);
    const { leaseId } = window.report('one', { arrivals: arrivals(3) });
    const waiting = window.report('one', { arrivals: arrivals(2) });
    const later = window.report('other', { arrivals: arrivals(4) });
    expect([waiting.granted, later.granted, later.queued]).toEqual([0, 0, 6]);
    window.report('one', {
      unusedPermits: [{ leaseId, count: 3 }],
      queuedTags: waiting.tags.map(({ tag }) => tag),
    });
    // The first two permits went to the lower tags of `one`, so that one is left.
    const queuedTags = later.tags.map(({ tag }) => tag);
    expect(window.report('other', { queuedTags }).granted).toBe(1);

    const silent = new Window(3);
    silent.report('gone', { arrivals: arrivals(3) });
    silent.report('gone', { arrivals: arrivals(3) });
    silent.now += LEASE_MS + CALL_MS + WINDOW_MS + TOLERANCE_MS;
    expect(silent.report('other', { arrivals: arrivals(3) })).toMatchObject({
      granted: 3,
      queued: 0,
    });
  });

  it('keeps a fifth of the limit from bulk requests, and what interactive ones are queued for', () => {
    const window = new Window(100);
    expect(window.report('one', { queuedBulk: 200 }).granted).toBe(80);
    expect(window.report('one', { queuedBulk: 120 }).granted).toBe(0);
    expect(window.report('one', { arrivals: arrivals(15) }).granted).toBe(15);
    const busy = new Window(100);
    busy.report('one', { arrivals: arrivals(60) });
    expect(busy.report('other', { queuedBulk: 200 }).granted).toBe(20);
  });

  it('lets bulk requests use nearly all of the limit when the rest of it is released soon', () => {
    const window = new Window(100);
    const { leaseId } = window.report('one', { queuedBulk: 80 });
    window.now += 100;
    window.report('one', { finishedCalls: [{ leaseId, ageMs: 0, count: 80 }] });
    window.now += 0.7 * WINDOW_MS;
    expect(window.report('one', { queuedBulk: 20 }).granted).toBe(0);
    window.now += 0.1 * WINDOW_MS;
    expect(window.report('one', { queuedBulk: 20 }).granted).toBe(19);
    expect(window.report('one', { arrivals: arrivals(2) }).granted).toBe(1);
  });

  it('divides what bulk requests may use by how many each replica has queued', () => {
    const window = new Window(100);
    window.report('small', { arrivals: arrivals(100) });
    const lease = window.state.leases.at(-1)?.id ?? '';
    window.report('small', { queuedBulk: 25 });
    window.report('large', { unusedPermits: [{ leaseId: lease, count: 100 }] });
    expect(window.report('large', { queuedBulk: 75 }).granted).toBe(60);
    expect(window.report('small', { queuedBulk: 25 }).granted).toBe(5);
  });

  it('grants permits in advance only while more than half of the limit is free', () => {
    const window = new Window(10);
    expect(window.report('one', { prefetch: 4, arrivals: arrivals(4) }).granted).toBe(8);
    expect(window.report('one', { prefetch: 4 }).granted).toBe(0);
    expect(new Window(10).report('one', { prefetch: 4, arrivals: arrivals(5) }).granted).toBe(5);
  });

  it('grants nothing while ACS has the service pause, and half of the limit afterwards', () => {
    const window = new Window(100);
    const paused = window.report('one', {
      throttled: { retryAfterMs: 3_000 },
      arrivals: arrivals(90),
    });
    expect(paused).toMatchObject({ granted: 0, blockedForMs: 3_000 });
    window.now += 2_999;
    expect(window.free).toBe(0);
    window.now += 1;
    const queuedTags = paused.tags.map(({ tag }) => tag);
    // A third of a window has passed: 0.5 + 0.03 of the limit.
    expect(window.report('one', { queuedTags }).granted).toBe(53);
  });

  it('grants one permit at least, however far the limit was lowered', () => {
    const window = new Window(1);
    window.report('one', { throttled: {} });
    window.now += WINDOW_MS;
    expect(window.report('one', { arrivals: arrivals(5) }).granted).toBe(1);
  });

  it('grants a replica a bounded number of permits at once', () => {
    const window = new Window(1_000);
    const first = window.report('one', { arrivals: arrivals(150) });
    expect(first).toMatchObject({ granted: MAX_REPORTED, inService: MAX_REPORTED, queued: 50 });
    expect(window.report('other', { queuedBulk: 500 }).granted).toBe(MAX_REPORTED);
  });

  it('gives a request its reserved tag again, which is due when little of the wait is left', () => {
    const window = new Window(1);
    window.report('one', { arrivals: arrivals(1) });
    const [deferred, early] = window.report('one', { arrivals: arrivals(2) }).tags;
    if (!deferred || !early) throw new Error('no tags');
    const reservations = [
      { ...app, requester: 'due', tag: deferred.tag, inMs: 1_999 },
      { ...app, requester: 'early', tag: early.tag, inMs: 2_000 },
    ];
    const { backlog } = sizeOf(window.report('one', { reservations }));
    for (const reservation of reservations) {
      window.reservations.set(reservation.requester, reservation);
    }
    const back = window.report('other', {
      arrivals: [
        { ...app, requester: 'due' },
        { ...app, requester: 'early' },
        { ...app, requester: 'new' },
      ],
    });
    expect(back.tags.slice(0, 2)).toEqual([
      { tag: deferred.tag, isReservationDue: true },
      { tag: early.tag, isReservationDue: false },
    ]);
    expect(back.tags[2]?.tag).toBeGreaterThan(early.tag);
    // Reservations were counted before they came back: only the new request is added.
    expect(sizeOf(back).backlog).toBe(backlog + 1);
  });

  it('remembers until when reservations are due', () => {
    const window = new Window(1);
    const reservation = { ...app, requester: 'r', tag: 1, inMs: 4_000 };
    window.report('one', { reservations: [reservation] });
    expect(window.state.reservationsUntil).toBe(window.now + 4_000);
    window.report('one', { reservations: [{ ...reservation, inMs: 1_000 }] });
    expect(window.state.reservationsUntil).toBe(window.now + 4_000);
    window.now += 34_000;
    window.report('one');
    expect(window.state.reservationsUntil).toBe(0);
  });

  it('forecasts when permits are released', () => {
    const window = new Window(3);
    const { leaseId } = window.report('one', { arrivals: arrivals(3) });
    window.now += 1_000;
    const finishedCalls = [{ leaseId, ageMs: 0, count: 2 }];
    const { releases, free, blockedForMs } = window.report('one', { finishedCalls });
    expect({ free, blockedForMs }).toEqual({ free: 0, blockedForMs: 0 });
    expect(releases.map(([, count]) => count)).toEqual([1, 2]);
    const [lease, ended] = releases.map(([inMs]) => inMs);
    // The unfinished call is expected to take the mean time of the others, which is about none.
    expect(lease).toBeGreaterThanOrEqual(WINDOW_MS - 1_000);
    expect(lease).toBeLessThan(ended ?? 0);
    expect(ended).toBeGreaterThanOrEqual(WINDOW_MS);
    expect(ended).toBeLessThanOrEqual(WINDOW_MS + TOLERANCE_MS);
  });

  it('learns how long calls take from those that ended', () => {
    const window = new Window(40);
    for (let round = 0; round < 20; round += 1) {
      const { leaseId } = window.report('one', { arrivals: arrivals(20) });
      window.now += 800;
      window.report('one', { finishedCalls: [{ leaseId, ageMs: 100, count: 20 }] });
      window.now += 2 * WINDOW_MS;
    }
    expect(window.state.meanServiceMs).toBeCloseTo(700, -1);
    const { cycleMs } = window.report('one');
    expect(cycleMs).toBeGreaterThanOrEqual(WINDOW_MS + 700);
    expect(cycleMs).toBeLessThan(WINDOW_MS + 700 + WINDOW_MS / 15 + TOLERANCE_MS);
  });

  /** A window whose permits are all leased to `third`, which returns them later. */
  function fullWindow(limit: number): { window: Window; returnAll: () => void } {
    const window = new Window(limit);
    const { leaseId } = window.report('third', { arrivals: arrivals(limit) });
    const returnAll = (): void => {
      window.report('third', { unusedPermits: [{ leaseId, count: limit }] });
    };
    return { window, returnAll };
  }

  it('serves the lowest tags first, whichever replica reports first', () => {
    const { window, returnAll } = fullWindow(3);
    window.report('high', { queuedTags: [5, 6] });
    window.report('low', { queuedTags: [1, 2] });
    window.report('own', { queuedTags: [3, 4] });
    returnAll();
    expect(window.report('high', { queuedTags: [5, 6] }).granted).toBe(0);
    expect(window.report('own', { queuedTags: [3, 4] }).granted).toBe(1);
    expect(window.report('low', { queuedTags: [1, 2] }).granted).toBe(2);
  });

  it('keeps the tags of a replica sorted, with those of new arrivals', () => {
    const { window } = fullWindow(1);
    const [tag] = window.report('one', { queuedTags: [50], arrivals: arrivals(1) }).tags;
    expect(window.state.replicas.one?.queuedTags).toEqual([tag?.tag, 50]);
    expect(tag).toMatchObject({ isReservationDue: false });
  });

  it('gives bulk requests nothing that interactive ones of other replicas are queued for', () => {
    const { window, returnAll } = fullWindow(100);
    window.report('one', { queuedTags: Array.from({ length: 60 }, (_, nth) => nth) });
    returnAll();
    expect(window.report('other', { queuedBulk: 200 }).granted).toBe(20);
  });

  it('counts bulk permits before it grants others in advance', () => {
    expect(new Window(10).report('one', { queuedBulk: 4, prefetch: 5 }).granted).toBe(9);
    expect(new Window(10).report('one', { queuedBulk: 5, prefetch: 5 }).granted).toBe(5);
  });

  it('says how much is left, and how many requests have a permit over all replicas', () => {
    const window = new Window(10);
    expect(window.report('one', { arrivals: arrivals(3) })).toMatchObject({
      free: 7,
      inService: 3,
    });
    expect(window.report('other', { arrivals: arrivals(2) })).toMatchObject({
      ...{ free: 5, inService: 5 },
    });
  });

  it('advances the queue, counts finished tags as served and expires reservations', () => {
    const { window } = fullWindow(1);
    expect(window.state.queue.virtualTimeAt).toBe(window.now);
    const waiting = window.report('one', { arrivals: arrivals(2) });
    expect(sizeOf(waiting).backlog).toBe(3);
    const [tag, deferred] = waiting.tags.map((one) => one.tag);
    const reservation = { ...app, requester: 'r', tag: deferred ?? 0, inMs: 1_000 };
    const served = window.report('one', {
      ...{ finishedTags: [{ ...app, tag: tag ?? 0 }], reservations: [reservation] },
    });
    expect(sizeOf(served).backlog).toBe(2);
    window.now += 60_000;
    expect(sizeOf(window.report('one')).backlog).toBe(1);
  });

  it('stores no lease without permits and no slot without calls', () => {
    const window = new Window(2);
    const { leaseId } = window.report('one', { arrivals: arrivals(2) });
    window.report('other', { finishedCalls: [{ leaseId: 'unknown', ageMs: 0, count: 1 }] });
    expect(window.state).toMatchObject({ leases: [{ id: leaseId }], finishedCalls: [] });
    window.report('one', {
      finishedCalls: [
        { leaseId, ageMs: 100, count: 1 },
        { leaseId, ageMs: 5_000, count: 1 },
      ],
    });
    expect(window.state.leases).toEqual([]);
    const times = window.state.finishedCalls.map(([releasedAt]) => releasedAt);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it('releases a call at once that is reported later than it counts', () => {
    const window = new Window(1);
    const { leaseId } = window.report('one', { arrivals: arrivals(1) });
    window.now += WINDOW_MS + 3_000;
    const finishedCalls = [{ leaseId, ageMs: WINDOW_MS + 1_000, count: 1 }];
    expect(window.report('one', { finishedCalls }).free).toBe(1);
  });

  it.each([
    [10, 1, 1 / 20],
    [100, 25, 1 / 2],
    [10, 10, 1 / 2],
  ])('with a limit of %i, weighs %i calls in the mean duration as %d', (limit, count, weight) => {
    const window = new Window(limit);
    const { leaseId } = window.report('one', { arrivals: arrivals(count) });
    window.now += 800;
    window.report('one', { finishedCalls: [{ leaseId, ageMs: 0, count }] });
    expect(window.state.meanServiceMs).toBeCloseTo(800 * weight);
  });
});

function sizeOf({ queue }: Allocation): { backlog: number } {
  return { backlog: queue.flows.reduce((sum, [, , backlog]) => sum + backlog, 0) };
}
