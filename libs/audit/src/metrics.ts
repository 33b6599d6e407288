import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The metrics of appending to the log. */
@Injectable()
export class AuditMetrics {
  readonly appendedEntries: Counter;
  readonly failures: Counter<'reason'>;
  readonly batchEntries: Histogram;
  readonly appendSeconds: Histogram;
  readonly pendingEntries: Gauge;
  readonly logSize: Gauge;
  readonly clockOffsetSeconds: Gauge;
  readonly logAheadSeconds: Gauge;

  constructor(@Inject(Registry) registry: Registry) {
    const registers = [registry];
    this.appendedEntries = new Counter({
      name: 'audit_entries_appended_total',
      help: 'Entries that this process committed to the log',
      registers,
    });
    this.failures = new Counter({
      name: 'audit_append_failures_total',
      help: 'Requests refused because they could not be recorded',
      labelNames: ['reason'],
      registers,
    });
    this.batchEntries = new Histogram({
      name: 'audit_batch_entries',
      help: 'Entries per commit',
      buckets: [1, 4, 16, 64, 256, 1024],
      registers,
    });
    this.appendSeconds = new Histogram({
      name: 'audit_append_seconds',
      help: 'Duration of one commit of the log',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3],
      registers,
    });
    this.pendingEntries = new Gauge({
      name: 'audit_entries_waiting',
      help: 'Entries that wait for their commit',
      registers,
    });
    this.clockOffsetSeconds = new Gauge({
      name: 'audit_clock_offset_seconds',
      help: 'How far the clock of this process is ahead of the clock of the database; negative if behind',
      registers,
    });
    this.logAheadSeconds = new Gauge({
      name: 'audit_log_ahead_seconds',
      help: 'How far the time of the newest entry is ahead of the clock of the database; 0 if it is not',
      registers,
    });
    this.logSize = new Gauge({
      name: 'audit_log_entries',
      help: 'Size of the log, as this process saw it last',
      registers,
    });
  }
}
