import { beforeAll, describe, expect, it } from 'vitest';
import { RESERVATION_GRACE_MS, type Reservation } from '../window/replica-report.js';
import { EMPTY_WINDOW } from '../window/window-state.js';
import type { ReservationUpdate, WindowKey, WindowStore } from '../window/window-store.js';

/** What every window store guarantees. @param start returns two stores that share their windows */
export function describeWindowStore(
  name: string,
  start: () => Promise<readonly [WindowStore, WindowStore]>,
): void {
  describe(`${name} as a window store`, () => {
    let one: WindowStore;
    let other: WindowStore;
    beforeAll(async () => {
      [one, other] = await start();
    });

    /** @returns the tags of the reservations that were claimed */
    const reserve = async (
      store: WindowStore,
      key: WindowKey,
      { claim = [], add = [] }: Partial<ReservationUpdate>,
    ): Promise<Record<string, number>> =>
      store.update(key, { claim, add }, (state, now, claimed) => ({
        state: { ...state, reservationsUntil: now + 60_000 },
        result: Object.fromEntries([...claimed.values()].map((one) => [one.requester, one.tag])),
      }));
    const reservation = (requester: string, tag: number, inMs = 5000): Reservation => ({
      ...{ requester, tag, inMs },
    });

    it('starts with an empty window', async () => {
      const key = { resource: 'new', operation: 'issue' } as const;
      const state = await one.update(key, { claim: [], add: [] }, (before) => ({
        state: before,
        result: before,
      }));
      expect(state).toEqual(EMPTY_WINDOW);
    });

    it('loses no change when stores change a window at the same time', async () => {
      const key = { resource: 'busy', operation: 'issue' } as const;
      const increment = async (store: WindowStore): Promise<number> =>
        store.update(key, { claim: [], add: [] }, (state) => {
          const updatedAt = state.updatedAt + 1;
          return { state: { ...state, updatedAt }, result: updatedAt };
        });
      const counts = await Promise.all(
        Array.from({ length: 20 }, async (_, nth) => increment(nth % 2 === 0 ? one : other)),
      );
      expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    });

    it('keeps windows apart by resource and operation', async () => {
      const key = { resource: 'apart', operation: 'issue' } as const;
      await reserve(one, key, { add: [reservation('a', 1)] });
      for (const another of [
        { ...key, resource: 'another' },
        { ...key, operation: 'create' },
      ] as const) {
        const { state, claimed } = await other.update(
          another,
          { claim: ['a'], add: [] },
          (before, _now, found) => ({
            state: before,
            result: { state: before, claimed: found.size },
          }),
        );
        expect(state).toEqual(EMPTY_WINDOW);
        expect(claimed).toBe(0);
      }
    });

    it('hands out a reservation once, at any store', async () => {
      const key = { resource: 'claims', operation: 'issue' } as const;
      const add = [reservation('first', 3.25), reservation('second', 1), reservation('second', 2)];
      expect(await reserve(one, key, { claim: ['first'], add })).toEqual({});
      const claim = ['first', 'second', 'unknown'];
      expect(await reserve(other, key, { claim })).toEqual({ first: 3.25, second: 2 });
      expect(await reserve(one, key, { claim })).toEqual({});
    });

    it('replaces an older reservation of the same requester', async () => {
      const key = { resource: 'replaced', operation: 'issue' } as const;
      await reserve(one, key, { add: [reservation('a', 1)] });
      await reserve(other, key, { add: [reservation('a', 2)] });
      expect(await reserve(one, key, { claim: ['a'] })).toEqual({ a: 2 });
    });

    it('says in how long a reservation is due', async () => {
      const key = { resource: 'due', operation: 'issue' } as const;
      await reserve(one, key, { add: [reservation('a', 1, 5000)] });
      const inMs = await other.update(key, { claim: ['a'], add: [] }, (state, _now, claimed) => ({
        state,
        result: claimed.get('a')?.inMs,
      }));
      expect(inMs).toBeGreaterThan(0);
      expect(inMs).toBeLessThanOrEqual(5000);
    });

    it('drops a reservation that was not claimed within the grace period', async () => {
      const key = { resource: 'expired', operation: 'issue' } as const;
      const add = [
        reservation('late', 1, 20_000 - RESERVATION_GRACE_MS),
        reservation('gone', 2, -1000 - RESERVATION_GRACE_MS),
      ];
      await reserve(one, key, { add });
      expect(await reserve(other, key, { claim: ['late', 'gone'] })).toEqual({ late: 1 });
    });

    it('leaves state and reservations as they were when a change throws', async () => {
      const key = { resource: 'failed', operation: 'issue' } as const;
      await reserve(one, key, { add: [reservation('a', 1)] });
      const failed = one.update(key, { claim: ['a'], add: [reservation('b', 2)] }, () => {
        throw new Error('failed');
      });
      await expect(failed).rejects.toThrow('failed');
      expect(await reserve(other, key, { claim: ['a', 'b'] })).toEqual({ a: 1 });
    });
  });
}
