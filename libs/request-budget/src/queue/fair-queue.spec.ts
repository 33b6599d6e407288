import { describe, expect, it } from 'vitest';
import { FairQueue, EMPTY_FAIR_QUEUE } from './fair-queue.js';

const app = (tenant: string, clientApp = 'app'): { tenant: string; clientApp: string } => ({
  tenant,
  clientApp,
});

/** Who is served in which order when so many of each come at once. */
function order(comers: readonly { tenant: string; clientApp: string }[]): string[] {
  const turns = new FairQueue(EMPTY_FAIR_QUEUE);
  return comers
    .map((who) => ({ ...who, turn: turns.enter(who) }))
    .toSorted((a, b) => a.turn - b.turn)
    .map(({ tenant, clientApp }) => `${tenant} ${clientApp}`);
}

const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);

describe('FairQueue', () => {
  it('serves tenants in turn, however many of one have come before', () => {
    const served = order([...times(50, app('large')), ...times(5, app('small'))]);
    expect(served.slice(0, 10).filter((who) => who === 'small app')).toHaveLength(5);
  });

  it('shares the turns of a tenant among its client applications', () => {
    const served = order(
      times(30, [app('one', 'a'), app('one', 'b'), app('two', 'c')]).flat(),
    ).slice(0, 20);
    const of = (who: string): number => served.filter((one) => one === who).length;
    expect(of('two c')).toBeGreaterThanOrEqual(9);
    expect(Math.abs(of('one a') - of('one b'))).toBeLessThanOrEqual(1);
  });

  it('tells how many are served until a turn', () => {
    const turns = new FairQueue(EMPTY_FAIR_QUEUE);
    const given = [...times(20, app('large')), ...times(3, app('small'))].map((who) =>
      turns.enter(who),
    );
    const sorted = given.toSorted((a, b) => a - b);
    expect(sorted.map((turn) => turns.place(turn))).toEqual(sorted.map((_turn, nth) => nth + 1));
    expect(turns.open).toBe(23);
  });

  it('holds against somebody what they got in the last window, and forgets what was before', () => {
    const turns = new FairQueue(EMPTY_FAIR_QUEUE);
    for (const who of times(10, app('busy'))) turns.end(who, 5);
    expect(turns.enter(app('busy'))).toBeGreaterThan(turns.enter(app('idle')) + 8);
    for (const now of [1000, 2000, 3000]) turns.passTime(now, 1000);
    const later = turns.enter(app('idle later'));
    expect(Math.abs(turns.enter(app('busy')) - later)).toBeLessThanOrEqual(3);
  });

  it('stops counting those who did not come when they were due', () => {
    const turns = new FairQueue(EMPTY_FAIR_QUEUE);
    const given = times(100, app('one')).map((who) => turns.enter(who));
    turns.end({ ...app('one'), turn: given[79] ?? 0, isDue: true }, 5);
    expect(turns.open).toBe(25);
  });

  it('is the same after it was stored', () => {
    const turns = new FairQueue(EMPTY_FAIR_QUEUE);
    for (const who of times(7, app('one'))) turns.enter(who);
    const stored = JSON.parse(JSON.stringify(turns.state)) as typeof turns.state;
    expect(new FairQueue(stored).enter(app('one'))).toBe(turns.enter(app('one')));
    expect(new FairQueue(stored).enter(app('__proto__', 'constructor'))).toBeGreaterThan(0);
  });
});
