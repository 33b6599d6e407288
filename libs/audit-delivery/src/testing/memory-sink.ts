import { type AuditEntryRecord, EXPORT_FORMATS } from '#libs/audit';
import { Sink, type SinkBatch, type SinkLimits, type SinkRecord } from '../delivery/sink.js';

/** A sink in memory, for tests. */
export class MemorySink extends Sink {
  readonly address = 'memory';
  /** Every record of every confirmed batch. */
  readonly records: SinkRecord[] = [];
  /** Every batch, also of failed attempts. */
  readonly batches: (readonly SinkRecord[])[] = [];
  /** Called before a batch is taken; its rejection is that of the attempt. */
  onSend: (batch: SinkBatch, signal: AbortSignal) => Promise<void> = async () => Promise.resolve();
  limits: SinkLimits;

  constructor(limits: Partial<SinkLimits> = {}) {
    super();
    this.limits = { maxEntries: 100, maxBatchBytes: 1_000_000, maxRecordBytes: 100_000, ...limits };
  }

  format(record: AuditEntryRecord): string {
    return EXPORT_FORMATS.ndjson.line(record);
  }

  async send(batch: SinkBatch, signal: AbortSignal): Promise<void> {
    this.batches.push(batch.records);
    await this.onSend(batch, signal);
    this.records.push(...batch.records);
  }

  async examine(): Promise<void> {
    return Promise.resolve();
  }

  /** Indexes in the order of their first arrival. */
  get arrivals(): number[] {
    return [...new Set(this.records.map(({ index }) => index))];
  }
}
