import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidV7Time } from '#libs/platform';
import { denied, issued } from './sample-events.js';
import type { AuditTrail, TransactionalWrite } from '../trail/audit-trail.js';

/** One adapter, set up for the suite. */
export interface AuditTrailUnderTest {
  readonly trail: AuditTrail;
  /** A change that leaves `mark` behind. */
  change(mark: string): TransactionalWrite;
  /** The marks that changes have left. */
  marks(): Promise<string[]>;
  /** The actions that were recorded, in their order. */
  actions(): Promise<string[]>;
  close(): Promise<void>;
}

/** What every audit trail promises. */
export function describeAuditTrail(name: string, setUp: () => Promise<AuditTrailUnderTest>): void {
  describe(`${name} as an audit trail`, () => {
    let subject: AuditTrailUnderTest;

    beforeAll(async () => {
      subject = await setUp();
    });
    afterAll(async () => subject.close());

    it('gives every entry its id and the next index', async () => {
      const first = await subject.trail.record(issued());
      const second = await subject.trail.record(denied());
      expect(second.index).toBe(first.index + 1);
      expect(Math.abs((uuidV7Time(first.id) ?? 0) - Date.now())).toBeLessThan(60_000);
      expect((await subject.actions()).slice(-2)).toEqual(['token.issue', 'authorization.deny']);
    });

    it('keeps entries that are recorded together next to each other', async () => {
      const [many] = await Promise.all([
        subject.trail.recordAll([issued(), denied(), issued()]),
        subject.trail.record(issued()),
      ]);
      const [first = NaN] = many.map(({ index }) => index);
      expect(many.map(({ index }) => index)).toEqual([first, first + 1, first + 2]);
    });

    it('gives concurrent callers indexes of their own, without gaps', async () => {
      const receipts = await Promise.all(
        Array.from({ length: 200 }, async (_, nth) => subject.trail.record(issued(nth))),
      );
      const indexes = receipts.map(({ index }) => index).sort((a, b) => a - b);
      const [first = NaN] = indexes;
      expect(indexes).toEqual(indexes.map((_, nth) => first + nth));
    });

    it('keeps a change together with its entry', async () => {
      await subject.trail.record(issued(), subject.change('kept'));
      expect(await subject.marks()).toContain('kept');
    });

    it('leaves neither change nor entry when the change rejects, and passes its error on', async () => {
      const before = await subject.actions();
      const reason = new Error('no');
      const change: TransactionalWrite = async (transaction) => {
        await subject.change('dropped')(transaction);
        throw reason;
      };
      const refused = subject.trail.record(issued(), change);
      await expect(refused).rejects.toBe(reason);
      expect(await subject.actions()).toEqual(before);
    });

    it('records the others when one of many changes rejects', async () => {
      const reason = new Error('no');
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, async (_, nth) =>
          subject.trail.record(
            issued(nth),
            nth % 4 === 0 ? async () => Promise.reject(reason) : subject.change(`many ${nth}`),
          ),
        ),
      );
      const failed = outcomes.map(({ status }) => status === 'rejected');
      expect(failed).toEqual(outcomes.map((_, nth) => nth % 4 === 0));
      const marks = (await subject.marks()).filter((mark) => mark.startsWith('many'));
      expect(marks).toHaveLength(15);
    });
  });
}
