import { Inject, Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';

/** The metrics of the background verifier, by part. Every replica has the same values. */
@Injectable()
export class VerificationMetrics {
  readonly findings: Gauge<'part'>;
  readonly lateSeconds: Gauge<'part'>;

  constructor(@Inject(Registry) registry: Registry) {
    const shared = { labelNames: ['part'] as const, registers: [registry] };
    this.findings = new Gauge({
      name: 'audit_verification_findings',
      help: 'What the background verification found to be wrong, 100 at most',
      ...shared,
    });
    this.lateSeconds = new Gauge({
      name: 'audit_verification_late_seconds',
      help: 'How far the background verification is behind its schedule',
      ...shared,
    });
  }
}
