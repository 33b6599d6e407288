import { Injectable } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';

/** The metrics of mass revocations, of the replica that works on them. */
@Injectable()
export class MassRevocationMetrics {
  readonly #identities: Counter<'outcome'>;
  readonly #remaining: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#identities = new Counter({
      name: 'mass_revocation_identities_total',
      help: 'Identities whose tokens a mass revocation was to revoke at ACS',
      labelNames: ['outcome'],
      registers,
    });
    this.#remaining = new Gauge({
      name: 'mass_revocation_remaining',
      help: 'Identities that mass revocations have left, in the replica that works on them; 0 when all are complete',
      registers,
    });
  }

  count(outcome: 'revoked' | 'failed'): void {
    this.#identities.inc({ outcome });
  }

  setRemaining(identities: number): void {
    this.#remaining.set(identities);
  }
}
