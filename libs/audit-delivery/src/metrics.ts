import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';

/** The metrics of delivering to sinks. Gauges are of the replica that delivers; others have none. */
@Injectable()
export class SinkMetrics {
  readonly delivered: Counter<'sink'>;
  readonly failures: Counter<'sink' | 'reason'>;
  readonly reduced: Counter<'sink'>;
  readonly retired: Counter<'sink'>;
  readonly lagEntries: Gauge<'sink'>;
  readonly lagSeconds: Gauge<'sink'>;
  readonly failing: Gauge<'sink'>;

  constructor(@Inject(Registry) registry: Registry) {
    const shared = { labelNames: ['sink'] as const, registers: [registry] };
    this.delivered = new Counter({
      name: 'audit_sink_delivered_entries_total',
      help: 'Entries that the receiver confirmed to this process',
      ...shared,
    });
    this.failures = new Counter({
      name: 'audit_sink_failures_total',
      help: 'Attempts after which the sink had to pause',
      labelNames: ['sink', 'reason'],
      registers: [registry],
    });
    this.reduced = new Counter({
      name: 'audit_sink_reduced_entries_total',
      help: 'Entries delivered without their long members',
      ...shared,
    });
    this.retired = new Counter({
      name: 'audit_sink_retired_entries_total',
      help: 'Entries that were retired before their delivery',
      ...shared,
    });
    this.lagEntries = new Gauge({
      name: 'audit_sink_lag_entries',
      help: 'Entries of the log that are not delivered yet',
      ...shared,
    });
    this.lagSeconds = new Gauge({
      name: 'audit_sink_lag_seconds',
      help: 'Age of the oldest entry that is not delivered yet',
      ...shared,
    });
    this.failing = new Gauge({
      name: 'audit_sink_failing',
      help: '1 if the last attempt failed',
      ...shared,
    });
  }

  /** Another replica delivers. */
  forget(sink: string): void {
    for (const gauge of [this.lagEntries, this.lagSeconds, this.failing]) gauge.remove({ sink });
  }
}
