import { afterEach, describe, expect, it } from 'vitest';
import { Sink, SinkFailure, type SinkFailureKind } from '../delivery/sink.js';
import { sampleRecords } from './sample-records.js';

/** What happens to the next attempt. */
export type SinkFault =
  | 'hang'
  | 'die'
  | 'lose-answer'
  | 'error'
  | 'throttle'
  | 'refuse'
  | 'foreign-answer';

/** A sink and a receiver that works as the real one does. */
export interface SinkHarness {
  readonly sink: Sink;
  /** Faults that the receiver can have. */
  readonly faults: readonly SinkFault[];
  /** The receiver's next answer. */
  failNext(fault: SinkFault): void;
  /** Ids of the entries that the receiver has, in the order of their first arrival. */
  received(): Promise<readonly string[]>;
  /** The credential that the sink uses, if any. */
  readonly credential: string | undefined;
  stop(): Promise<void>;
}

const CHECKPOINT = 'example.com/audit\n1000\nAAAA\n\n— example.com/audit AAAA\n';
const KINDS: Readonly<Record<SinkFault, SinkFailureKind>> = {
  hang: 'unavailable',
  die: 'unavailable',
  'lose-answer': 'unavailable',
  error: 'unavailable',
  throttle: 'throttled',
  refuse: 'refused',
  'foreign-answer': 'unavailable',
};
const RETRY_AFTER_MS = 7_000;

/** What every sink does. The receiver answers `throttle` with a wait of seven seconds. */
export function describeSink(name: string, open: () => Promise<SinkHarness>): void {
  describe(`${name} as a sink`, () => {
    let harness: SinkHarness;

    afterEach(async () => {
      await harness.stop();
    });

    async function send(from: number, count: number, timeoutMs = 20_000): Promise<unknown> {
      const records = sampleRecords(harness.sink, count, from);
      return harness.sink
        .send({ records, checkpoint: CHECKPOINT }, AbortSignal.timeout(timeoutMs))
        .then(() => undefined)
        .catch((error: unknown) => error);
    }

    function ids(count: number): string[] {
      return sampleRecords(harness.sink, count).map(({ id }) => id);
    }

    it('delivers batches once and in order, with the ids of the entries', async () => {
      harness = await open();
      expect(await send(0, 30)).toBeUndefined();
      expect(await send(30, 1)).toBeUndefined();
      expect(await harness.received()).toEqual(ids(31));
    });

    it('is done only once the receiver has confirmed, and names every failure by its kind and its receiver', async () => {
      harness = await open();
      for (const fault of harness.faults) {
        harness.failNext(fault);
        const error = await send(0, 3, fault === 'hang' ? 300 : 20_000);
        expect(error, fault).toBeInstanceOf(SinkFailure);
        expect((error as SinkFailure).kind, fault).toBe(KINDS[fault]);
        expect((error as SinkFailure).message, fault).toMatch(/\b\S+:\d+:? /);
        if (fault === 'throttle') expect((error as SinkFailure).retryAfterMs).toBe(RETRY_AFTER_MS);
      }
    });

    it('delivers what was not confirmed when it is sent again, in order', async () => {
      harness = await open();
      expect(await send(0, 5)).toBeUndefined();
      for (const fault of harness.faults) {
        harness.failNext(fault);
        expect(await send(5, 5, fault === 'hang' ? 300 : 20_000), fault).toBeDefined();
      }
      expect(await send(5, 5)).toBeUndefined();
      expect(await send(10, 5)).toBeUndefined();
      expect(await harness.received()).toEqual(ids(15));
    });

    it('has neither its credential nor an entry in what it reports', async () => {
      harness = await open();
      const texts: string[] = [harness.sink.address];
      for (const fault of harness.faults) {
        harness.failNext(fault);
        const { message, cause, stack } = (await send(
          0,
          1,
          fault === 'hang' ? 300 : 20_000,
        )) as Error;
        texts.push(message, String(cause), stack ?? '');
      }
      for (const text of texts) {
        expect(text).not.toMatch(/203\.0\.113|Alice|019abcde/);
        if (harness.credential !== undefined) expect(text).not.toContain(harness.credential);
      }
    });

    it('can be examined, which delivers nothing', async () => {
      harness = await open();
      await harness.sink.examine(AbortSignal.timeout(20_000));
      expect(await harness.received()).toEqual([]);
      expect(await send(0, 2)).toBeUndefined();
      expect(await harness.received()).toEqual(ids(2));
    });

    it('delivers a test that is not in the log, and entries after it', async () => {
      harness = await open();
      const [record] = sampleRecords(harness.sink, 1, 77);
      if (!record) throw new Error('no record');
      await harness.sink.test({ ...record, index: -1 }, AbortSignal.timeout(20_000));
      expect(await send(0, 2)).toBeUndefined();
      expect(await harness.received()).toEqual(expect.arrayContaining(ids(2)));
    });
  });
}
