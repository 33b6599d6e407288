import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';

/** The metrics of witnesses. Gauges are of the replica that submits checkpoints; others have none. */
@Injectable()
export class WitnessMetrics {
  readonly cosigned: Counter<'witness'>;
  readonly failures: Counter<'witness' | 'reason'>;
  readonly failing: Gauge<'witness'>;
  readonly witnessedEntries: Gauge<'quorum'>;
  readonly witnessedTimestamp: Gauge<'quorum'>;

  constructor(@Inject(Registry) registry: Registry) {
    const registers = [registry];
    const labelNames = ['witness'] as const;
    this.cosigned = new Counter({
      name: 'audit_witness_cosignatures_total',
      help: 'Checkpoints that the witness cosigned for this process',
      labelNames,
      registers,
    });
    this.failures = new Counter({
      name: 'audit_witness_failures_total',
      help: 'Submissions that the witness did not cosign',
      labelNames: ['witness', 'reason'],
      registers,
    });
    this.failing = new Gauge({
      name: 'audit_witness_failing',
      help: '1 if the last submission failed',
      labelNames,
      registers,
    });
    this.witnessedEntries = new Gauge({
      name: 'audit_witnessed_entries',
      help: 'Size of the newest checkpoint with a quorum',
      labelNames: ['quorum'],
      registers,
    });
    this.witnessedTimestamp = new Gauge({
      name: 'audit_witnessed_timestamp_seconds',
      help: 'When the newest checkpoint had its quorum last',
      labelNames: ['quorum'],
      registers,
    });
  }
}
