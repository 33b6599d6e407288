import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What operators watch of the log. */
@Injectable()
export class AuditMetrics {
  readonly appended: Counter;
  readonly failures: Counter<'reason'>;
  readonly batchEntries: Histogram;
  readonly appendSeconds: Histogram;
  readonly waiting: Gauge;
  readonly size: Gauge;

  constructor(@Inject(Registry) registry: Registry) {
    const registers = [registry];
    this.appended = new Counter({
      name: 'audit_entries_appended_total',
      help: 'Entries made durable in the log by this process',
      registers,
    });
    this.failures = new Counter({
      name: 'audit_append_failures_total',
      help: 'Records refused because they could not be made durable, by reason',
      labelNames: ['reason'],
      registers,
    });
    this.batchEntries = new Histogram({
      name: 'audit_batch_entries',
      help: 'Entries that shared one commit',
      buckets: [1, 4, 16, 64, 256, 1024],
      registers,
    });
    this.appendSeconds = new Histogram({
      name: 'audit_append_seconds',
      help: 'Time of one commit of the log',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3],
      registers,
    });
    this.waiting = new Gauge({
      name: 'audit_entries_waiting',
      help: 'Entries that wait for their commit',
      registers,
    });
    this.size = new Gauge({
      name: 'audit_log_entries',
      help: 'Size of the log as this process saw it last',
      registers,
    });
  }
}
