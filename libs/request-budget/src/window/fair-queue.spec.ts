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

  it('counts the service of the last window against a flow, and no earlier one', () => {
    const queue = new FairQueue(EMPTY_FAIR_QUEUE);
    for (const flow of times(10, app('busy'))) queue.finish(flow, 5);
    expect(queue.enqueue(app('busy'))).toBeGreaterThan(queue.enqueue(app('idle')) + 8);
    for (const now of [1000, 2000, 3000]) queue.advance(now, 1000);
    const later = queue.enqueue(app('idle later'));
    expect(Math.abs(queue.enqueue(app('busy')) - later)).toBeLessThanOrEqual(3);
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
