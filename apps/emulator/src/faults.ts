import { randomUUID } from 'node:crypto';
import type { ServiceName } from './journal.js';

/**
 * - `status`: answers `status` with `body` and `headers`; the operation isn't carried out.
 * - `latency`: waits `latencyMs`, then goes on (to another matching fault or the real answer).
 * - `reset`: cuts the connection before anything is carried out.
 * - `malformed`: carries the operation out, answers with `body` or with broken JSON.
 * - `reply-lost`: carries the operation out, then cuts the connection.
 * - `hang`: never answers; nothing is carried out.
 * - `oversized`: answers 200 with valid JSON of `sizeBytes`.
 * - `redirect`: answers 302 to `location`.
 */
export type FaultKind =
  'status' | 'latency' | 'reset' | 'malformed' | 'reply-lost' | 'hang' | 'oversized' | 'redirect';

export interface FaultRequest {
  readonly service: ServiceName;
  /** An operation of the service, or `*` for each. */
  readonly operation: string;
  readonly kind: FaultKind;
  /** For `status`; default 503. */
  readonly status?: number | undefined;
  /** For `status` and `malformed`. A string is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** For `latency`; default 1000. */
  readonly latencyMs?: number | undefined;
  /** For `oversized`; default 50 MiB. */
  readonly sizeBytes?: number | undefined;
  /** For `redirect`; default a page of the control API, whose visits stand in the journal. */
  readonly location?: string | undefined;
  /** How many requests it hits; without it, each until removed. */
  readonly count?: number | undefined;
  /** From 0 to 1, by request; default 1. */
  readonly probability?: number | undefined;
  /** Makes the dice of `probability` repeatable. */
  readonly seed?: number | undefined;
}

export interface Fault extends FaultRequest {
  readonly id: string;
  /** Requests it has hit. */
  readonly hits: number;
}

interface ArmedFault extends FaultRequest {
  readonly id: string;
  readonly roll: () => number;
  hits: number;
}

/** The faults that are armed, in the order in which they were added. */
export class Faults {
  private armed: ArmedFault[] = [];

  add(request: FaultRequest): string {
    const id = randomUUID();
    const roll = request.seed === undefined ? Math.random : seededDice(request.seed);
    this.armed.push({ ...request, id, roll, hits: 0 });
    return id;
  }

  list(): Fault[] {
    return this.armed.map((fault) => ({ ...fault, roll: undefined }));
  }

  /** @returns whether there was such a fault. */
  remove(id: string): boolean {
    const before = this.armed.length;
    this.armed = this.armed.filter((fault) => fault.id !== id);
    return this.armed.length < before;
  }

  clear(): void {
    this.armed = [];
  }

  /** The faults that hit this request: any number of latencies, then at most one of another kind. */
  strike(service: ServiceName, operation: string): FaultRequest[] {
    if (this.armed.length === 0) return [];
    const struck: FaultRequest[] = [];
    for (const fault of this.armed) {
      if (!matches(fault, service, operation)) continue;
      if (fault.count !== undefined && fault.hits >= fault.count) continue;
      if (fault.probability !== undefined && fault.roll() >= fault.probability) continue;
      fault.hits += 1;
      struck.push(fault);
      if (fault.kind !== 'latency') break;
    }
    return struck;
  }
}

function matches(fault: FaultRequest, service: ServiceName, operation: string): boolean {
  return fault.service === service && (fault.operation === '*' || fault.operation === operation);
}

/** Mulberry32: small, fast and repeatable; good enough for dice. */
function seededDice(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
