import { randomUUID } from 'node:crypto';
import type { Clock } from './clock.js';

/** The right to call another service for a stored row, for a limited time. */
export interface Lease {
  /** UUID of the attempt that holds the lease. */
  readonly holder: string;
  readonly durationMs: number;
  /** On `Clock.monotonicNow`. The store's lease, which begins a little later, lasts longer. */
  readonly endsAt: number;
}

/** A lease with a new holder, to be stored now. */
export function newLease(durationMs: number, clock: Clock): Lease {
  return { holder: randomUUID(), durationMs, endsAt: clock.monotonicNow() + durationMs };
}
