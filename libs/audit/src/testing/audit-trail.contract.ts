import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidV7Time } from '#libs/platform';
import { denied, issued } from './sample-events.js';
import type { AuditTrail } from '../trail/audit-trail.js';
import { applyWrite, type TransactionalWrite } from '../trail/transactional-write.js';

/** An adapter set up for the suite. */
export interface AuditTrailHarness {
  readonly trail: AuditTrail;
  /** A write that adds a mark. */
  write(mark: string): TransactionalWrite;
  /** The marks of all committed writes. */
  marks(): Promise<string[]>;
  /** The recorded actions, in their order. */
  actions(): Promise<string[]>;
  close(): Promise<void>;
}

/** The contract of `AuditTrail`, as a suite that every adapter must pass. */
export function describeAuditTrail(name: string, start: () => Promise<AuditTrailHarness>): void {
  describe(`${name} as an audit trail`, () => {
    let subject: AuditTrailHarness;

    beforeAll(async () => {
      subject = await start();
    });
    afterAll(async () => subject.close());

    it('gives every entry an id and the next index', async () => {
      const first = await subject.trail.record(issued());
      const second = await subject.trail.record(denied());
      expect(second.index).toBe(first.index + 1);
      expect(Math.abs((uuidV7Time(first.id) ?? 0) - Date.now())).toBeLessThan(60_000);
      expect((await subject.actions()).slice(-2)).toEqual(['token.issue', 'authorization.deny']);
    });

    it('gives entries that are recorded together consecutive indexes', async () => {
      const [many] = await Promise.all([
        subject.trail.recordAll([issued(), denied(), issued()]),
        subject.trail.record(issued()),
      ]);
      const [first = NaN] = many.map(({ index }) => index);
      expect(many.map(({ index }) => index)).toEqual([first, first + 1, first + 2]);
    });

    it('gives concurrent callers different indexes without gaps', async () => {
      const receipts = await Promise.all(
        Array.from({ length: 200 }, async (_, nth) => subject.trail.record(issued(nth))),
      );
      const indexes = receipts.map(({ index }) => index).sort((a, b) => a - b);
      const [first = NaN] = indexes;
      expect(indexes).toEqual(indexes.map((_, nth) => first + nth));
    });

    it('takes actions of a host, in their form only', async () => {
      await subject.trail.record({ ...issued(), action: 'x-report.export' });
      expect((await subject.actions()).at(-1)).toBe('x-report.export');
      const unknown = { ...issued(), action: 'x-Report.' as const };
      await expect(subject.trail.record(unknown)).rejects.toThrow('is not an audit action');
    });

    it('commits a write with its entry', async () => {
      await subject.trail.record(issued(), subject.write('committed'));
      expect(await subject.marks()).toContain('committed');
    });

    it('commits neither write nor entry when the write rejects, and passes its error on', async () => {
      const before = await subject.actions();
      const reason = new Error('no');
      const write: TransactionalWrite = async (transaction) => {
        await applyWrite(transaction, subject.write('rejected'));
        throw reason;
      };
      const refused = subject.trail.record(issued(), write);
      await expect(refused).rejects.toBe(reason);
      expect(await subject.actions()).toEqual(before);
    });

    it('records the others when some of many writes reject', async () => {
      const reason = new Error('no');
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, async (_, nth) =>
          subject.trail.record(
            issued(nth),
            nth % 4 === 0 ? async () => Promise.reject(reason) : subject.write(`many ${nth}`),
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
