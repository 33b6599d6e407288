import type { AuditEntryRecord } from '#libs/audit';

/** One entry as a sink sends it. */
export interface SinkRecord {
  /** Position in the log. */
  readonly index: number;
  /** Id of the entry, by which receivers recognise what they have already. */
  readonly id: string;
  readonly recordedAt: string;
  readonly action: string;
  readonly isSuccess: boolean;
  /** What `format` returned. */
  readonly text: string;
}

/** Entries that follow each other in the log, and the newest signed checkpoint of it. */
export interface SinkBatch {
  readonly records: readonly SinkRecord[];
  readonly checkpoint: string;
}

/** How much a sink takes at once. */
export interface SinkLimits {
  readonly maxEntries: number;
  /** Sum of the lengths of the records in UTF-8. */
  readonly maxBatchBytes: number;
  /** A longer record is sent in its reduced form. */
  readonly maxRecordBytes: number;
}

/**
 * Why entries were not delivered.
 *
 * - `unavailable`: no answer, a broken connection, or a fault of the receiver;
 * - `throttled`: the receiver has no capacity now;
 * - `refused`: credentials, address or configuration are wrong: nothing would be taken;
 * - `rejected`: these records are wrong for the receiver: others may be taken;
 * - `blocked`: nothing was sent, because the service can't read or format the next entries.
 */
export type SinkFailureKind = 'unavailable' | 'throttled' | 'refused' | 'rejected' | 'blocked';

/** Entries were not delivered, or it is unknown whether they were. Its message is for operators. */
export class SinkFailure extends Error {
  override readonly name = 'SinkFailure';
  /** The receiver said when to try again. */
  readonly retryAfterMs: number | undefined;
  /** How many of the first records the receiver has confirmed all the same. */
  readonly confirmedCount: number;

  /** @param message never has a credential, nor what the receiver answered in words */
  constructor(
    readonly kind: SinkFailureKind,
    message: string,
    options: ErrorOptions & { retryAfterMs?: number | undefined; confirmedCount?: number } = {},
  ) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
    this.confirmedCount = options.confirmedCount ?? 0;
  }
}

/** A system outside that gets every entry of the log, in the order of the log. */
export abstract class Sink {
  abstract readonly limits: SinkLimits;
  /** Where the entries go, without a credential; recorded in the log itself. */
  abstract readonly address: string;

  /** An entry in the format of the receiver, without line breaks. */
  abstract format(record: AuditEntryRecord): string;

  /**
   * Delivers a batch. Resolves once the receiver has confirmed every record. Only one call at a time.
   *
   * A batch may have been sent before, in part or as a whole: after a lost answer, or by a process that died.
   *
   * @param signal ends the attempt; whether the receiver got the records is unknown then
   * @throws SinkFailure
   */
  abstract send(batch: SinkBatch, signal: AbortSignal): Promise<void>;

  /**
   * Reads the credentials, and connects where that is more than a request, as `send` does. Delivers nothing.
   *
   * @throws SinkFailure
   */
  abstract examine(signal: AbortSignal): Promise<void>;

  /**
   * Delivers a record that is not in the log, so that an operator sees whether it arrives.
   *
   * @throws SinkFailure
   */
  async test(record: SinkRecord, signal: AbortSignal): Promise<void> {
    await this.send({ records: [record], checkpoint: '' }, signal);
  }
}
