import { describe, expect, it } from 'vitest';
import { FairQueue, EMPTY_FAIR_QUEUE } from './fair-queue.js';

const app = (tenant: string, clientApp = 'app'): { tenant: string; clientApp: string } => ({
  tenant,
  clientApp,
});

/** The order of service when these requests arrive together. */
function order(arrivals: readonly { tenant: string; clientApp: string }[]): string[] {
  const queue = new FairQueue(EMPTY_FAIR_QUEUE);
  return arrivals
    .map((flow) => ({ ...flow, tag: queue.enqueue(flow) }))
    .toSorted((a, b) => a.tag - b.tag)
    .map(({ tenant, clientApp }) => `${tenant} ${clientApp}`);
}

const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);

describe('FairQueue', () => {
  it('serves tenants alternately, however many requests of one came before', () => {
    const served = order([...times(50, app('large')), ...times(5, app('small'))]);
    expect(served.slice(0, 10).filter((flow) => flow === 'small app')).toHaveLength(5);
  });

  it('divides the share of a tenant among its client applications', () => {
    const served = order(
      times(30, [app('one', 'a'), app('one', 'b'), app('two', 'c')]).flat(),
    ).slice(0, 20);
    const of = (flow: string): number => served.filter((one) => one === flow).length;
    expect(of('two c')).toBeGreaterThanOrEqual(9);
    expect(Math.abs(of('one a') - of('one b'))).toBeLessThanOrEqual(1);
  });

  it('knows the position of each tag', () => {
    const queue = new FairQueue(EMPTY_FAIR_QUEUE);
    const tags = [...times(20, app('large')), ...times(3, app('small'))].map((flow) =>
      queue.enqueue(flow),
    );
    const sorted = tags.toSorted((a, b) => a - b);
    expect(sorted.map((tag) => queue.position(tag))).toEqual(sorted.map((_tag, nth) => nth + 1));
    expect(queue.backlog).toBe(23);
  });

  it('knows positions in a flow whose tags are apart because it shares its tenant', () => {
    const flow = ['tenant', 'app', 3, 10, 2] as const;
    const idle = ['tenant', 'idle', 0, 50, 2] as const;
    const queue = new FairQueue({ ...EMPTY_FAIR_QUEUE, flows: [flow, idle] });
    expect(queue.state.flows).toEqual([flow, idle]);
    expect([5, 6, 7, 8, 10, 11].map((tag) => queue.position(tag))).toEqual([0, 1, 1, 2, 3, 3]);
  });

  it('divides the share of a tenant among the applications that have requests queued', () => {
    const queue = new FairQueue(EMPTY_FAIR_QUEUE);
    queue.finish(app('tenant', 'idle'), 5);
    const [first = 0, second = 0] = times(2, app('tenant')).map((flow) => queue.enqueue(flow));
    expect(second - first).toBeCloseTo(1);
    queue.enqueue(app('tenant', 'other'));
    queue.enqueue(app('another tenant'));
    expect(queue.enqueue(app('tenant')) - second).toBeCloseTo(2);
  });

  it('continues a flow that has requests queued where it is, however far others are', () => {
    const queue = new FairQueue(EMPTY_FAIR_QUEUE);
    const first = queue.enqueue(app('slow'));
    for (const flow of times(20, app('busy'))) queue.finish(flow, 5);
    for (const now of [1000, 2000]) queue.advance(now, 1000);
    const second = queue.enqueue(app('slow'));
    expect(second - first).toBeCloseTo(1);
    for (const tag of [first, second]) queue.finish({ ...app('slow'), tag }, 5);
    expect(queue.enqueue(app('slow'))).toBeGreaterThan(20);
  });

  it('counts the service of the last window against a flow, and no earlier one', () => {
    const queue = new FairQueue(EMPTY_FAIR_QUEUE);
    for (const flow of times(10, app('busy'))) queue.finish(flow, 5);
    expect(queue.enqueue(app('busy'))).toBeGreaterThan(queue.enqueue(app('idle')) + 8);
    for (const now of [1000, 2000, 3000]) queue.advance(now, 1000);
    const later = queue.enqueue(app('idle later'));
    expect(Math.abs(queue.enqueue(app('busy')) - later)).toBeLessThanOrEqual(3);
  });

  it('lets a flow that is idle since a window start over, and forgets it', () => {
    const queue = new FairQueue(EMPTY_FAIR_QUEUE);
    for (const flow of times(20, app('busy'))) queue.finish(flow, 5);
    queue.advance(999, 1000);
    expect(queue.state.virtualTimeAt).toBe(0);
    queue.advance(1000, 1000);
    expect(queue.state).toMatchObject({ virtualTime: 0, virtualTimeAt: 1000 });
    expect(queue.state.flows).toHaveLength(1);
    queue.advance(1500, 1000);
    expect(queue.state.virtualTimeAt).toBe(1000);
    queue.advance(2000, 1000);
    expect(queue.state.virtualTime).toBeGreaterThan(19);
    expect(queue.state.flows).toEqual([]);
  });

  it('keeps the flow of queued requests, however long they wait', () => {
    const queue = new FairQueue(EMPTY_FAIR_QUEUE);
    const tag = queue.enqueue(app('slow'));
    for (const flow of times(20, app('busy'))) queue.finish(flow, 5);
    for (const now of [1000, 2000, 3000]) queue.advance(now, 1000);
    expect(queue.backlog).toBe(1);
    expect(queue.position(tag)).toBe(1);
  });

  it('places further requests of a requester behind as many others as are queued, for each', () => {
    const queue = new FairQueue(EMPTY_FAIR_QUEUE);
    const first = queue.enqueue({ ...app('one'), earlier: 3 });
    expect(first).toBeLessThanOrEqual(2);
    const others = times(9, app('one')).map((flow) => queue.enqueue(flow));
    expect((others[0] ?? 0) - first).toBeCloseTo(1);
    const last = others.at(-1) ?? 0;
    expect(queue.enqueue({ ...app('one'), earlier: 1 })).toBeCloseTo(last + 1 + 10);
    expect(queue.enqueue({ ...app('one'), earlier: 2 })).toBeCloseTo(last + 1 + 22);
    const shared = new FairQueue({
      ...EMPTY_FAIR_QUEUE,
      flows: [
        ['tenant', 'app', 3, 10, 2],
        ['tenant', 'other', 1, 10, 2],
      ],
    });
    expect(shared.enqueue({ ...app('tenant'), earlier: 1 })).toBe(10 + 2 + 3 * 2);
    // They do not delay the requests of others.
    expect(queue.enqueue(app('one'))).toBeCloseTo(last + 1);
  });

  describe('reservations', () => {
    const windowMs = 8_000;

    it('count as queued until their requester is five seconds late', () => {
      const queue = new FairQueue(EMPTY_FAIR_QUEUE);
      for (const flow of times(3, app('one'))) queue.enqueue(flow);
      queue.reserve(app('one'), 4_000, windowMs);
      queue.reserve(app('one'), 3_000, windowMs);
      queue.reserve(app('one'), 9_000, windowMs);
      queue.expireReservations(8_999);
      expect(queue.backlog).toBe(3);
      queue.expireReservations(9_000);
      expect(queue.backlog).toBe(1);
      queue.expireReservations(14_999);
      expect(queue.backlog).toBe(1);
      queue.expireReservations(15_000);
      expect(queue.backlog).toBe(0);
      expect(queue.state.flows[0]).toHaveLength(5);
    });

    it('count once when their requester is back', () => {
      const queue = new FairQueue(EMPTY_FAIR_QUEUE);
      for (const flow of times(2, app('one'))) queue.enqueue(flow);
      queue.reserve(app('one'), 4_000, windowMs);
      queue.reserve(app('one'), 4_000, windowMs);
      queue.claim(app('one'), 4_000, windowMs);
      expect(queue.backlog).toBe(2);
      queue.expireReservations(60_000);
      expect(queue.backlog).toBe(1);
    });

    it('count again when their requester comes after they expired', () => {
      const queue = new FairQueue(EMPTY_FAIR_QUEUE);
      queue.enqueue(app('one'));
      queue.reserve(app('one'), 4_000, windowMs);
      queue.expireReservations(60_000);
      queue.claim(app('one'), 4_000, windowMs);
      expect(queue.backlog).toBe(1);
    });

    it('are stored by the time in which they are due, the earliest first', () => {
      const queue = new FairQueue(EMPTY_FAIR_QUEUE);
      for (const flow of times(4, app('one'))) queue.enqueue(flow);
      for (const dueAt of [5_000, 1_000, 4_500, 3_000]) {
        queue.reserve(app('one'), dueAt, windowMs);
      }
      const reserved = (): unknown => queue.state.flows[0]?.[5];
      expect(reserved()).toEqual([
        [2_000, 1],
        [4_000, 1],
        [6_000, 2],
      ]);
      queue.claim(app('one'), 4_000, windowMs);
      expect(reserved()).toEqual([
        [2_000, 1],
        [6_000, 2],
      ]);
    });

    it('survive being stored', () => {
      const queue = new FairQueue(EMPTY_FAIR_QUEUE);
      queue.enqueue(app('one'));
      queue.reserve(app('one'), 4_000, windowMs);
      const stored = new FairQueue(JSON.parse(JSON.stringify(queue.state)) as typeof queue.state);
      stored.expireReservations(60_000);
      expect(stored.backlog).toBe(0);
      // The state that was read is not changed.
      expect(queue.backlog).toBe(1);
    });

    it('that were due before a served one are dropped first', () => {
      const queue = new FairQueue(EMPTY_FAIR_QUEUE);
      const tags = times(20, app('one')).map((flow) => queue.enqueue(flow));
      for (const dueAt of [2_000, 4_000, 6_000]) queue.reserve(app('one'), dueAt, windowMs);
      queue.finish({ ...app('one'), tag: tags[17] ?? 0, isReservationDue: true }, 0);
      expect(queue.backlog).toBe(2);
      // None is left to expire.
      queue.expireReservations(60_000);
      expect(queue.backlog).toBe(2);
    });
  });

  it('advances by what was served about in order, and not by a request that overtook', () => {
    const queue = new FairQueue(EMPTY_FAIR_QUEUE);
    const tags = times(10, app('one')).map((flow) => queue.enqueue(flow));
    queue.finish({ ...app('one'), tag: tags[9] ?? 0 }, 9);
    expect(queue.state.lastServedTag).toBe(0);
    queue.finish({ ...app('one'), tag: tags[0] ?? 0 }, queue.position(tags[0] ?? 0));
    expect(queue.state.lastServedTag).toBe(tags[0]);
    queue.finish({ ...app('one'), tag: tags[1] ?? 0 }, 2);
    expect(queue.state.lastServedTag).toBe(tags[1]);
    queue.finish({ ...app('one'), tag: tags[0] ?? 0 }, 2);
    expect(queue.state.lastServedTag).toBe(tags[1]);
    queue.finish({ ...app('one'), tag: tags[8] ?? 0, isReservationDue: true }, 2);
    expect(queue.state.lastServedTag).toBe(tags[8]);
    queue.finish({ ...app('unknown'), tag: 1 }, 2);
    expect(queue.backlog).toBe(3);
  });

  it('drops earlier reservations of a flow when a later one that was due is served', () => {
    const queue = new FairQueue(EMPTY_FAIR_QUEUE);
    const tags = times(100, app('one')).map((flow) => queue.enqueue(flow));
    queue.finish({ ...app('one'), tag: tags[79] ?? 0, isReservationDue: true }, 5);
    expect(queue.backlog).toBe(25);
  });

  it('is the same after it was stored', () => {
    const queue = new FairQueue(EMPTY_FAIR_QUEUE);
    for (const flow of times(7, app('one'))) queue.enqueue(flow);
    const stored = JSON.parse(JSON.stringify(queue.state)) as typeof queue.state;
    expect(new FairQueue(stored).enqueue(app('one'))).toBe(queue.enqueue(app('one')));
    expect(new FairQueue(stored).enqueue(app('__proto__', 'constructor'))).toBeGreaterThan(0);
  });
});
