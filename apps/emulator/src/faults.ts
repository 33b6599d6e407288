import { randomUUID } from 'node:crypto';
import type { ServiceName } from './journal.js';

/**
 * - `status`: responds with `status`, `body` and `headers` without executing the operation.
 * - `latency`: waits `latencyMs`, then applies the next matching fault or executes the operation.
 * - `reset`: closes the connection without executing the operation.
 * - `malformed`: executes the operation, then responds with `body` or with truncated JSON.
 * - `reply-lost`: executes the operation, then closes the connection.
 * - `hang`: never responds and does not execute the operation.
 * - `oversized`: responds 200 with valid JSON of `sizeBytes`.
 * - `redirect`: responds 302 to `location`.
 */
export type FaultKind =
  | 'status'
  | 'latency'
  | 'reset'
  | 'malformed'
  | 'reply-lost'
  | 'hang'
  | 'oversized'
  | 'redirect';

/** A fault to inject. */
export interface FaultRequest {
  readonly service: ServiceName;
  /** An operation of the service, or `*` for all. */
  readonly operation: string;
  readonly kind: FaultKind;
  /** For `status`; default 503. */
  readonly status?: number | undefined;
  /** For `status` and `malformed`. A string is sent verbatim, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** For `latency`; default 1000. */
  readonly latencyMs?: number | undefined;
  /** For `oversized`; default 50 MiB. */
  readonly sizeBytes?: number | undefined;
  /** For `redirect`; default a page of the control API, which journals its visits. */
  readonly location?: string | undefined;
  /** Number of requests it applies to; default all until it is removed. */
  readonly count?: number | undefined;
  /** Probability per request, from 0 to 1; default 1. */
  readonly probability?: number | undefined;
  /** Seed of the pseudorandom numbers for `probability`, for a repeatable sequence. */
  readonly seed?: number | undefined;
}

/** An injected fault. */
export interface Fault extends FaultRequest {
  readonly id: string;
  /** Number of requests it was applied to. */
  readonly hits: number;
}

interface ActiveFault extends FaultRequest {
  readonly id: string;
  readonly random: () => number;
  hits: number;
}

/** The active faults, in the order in which they were added. */
export class Faults {
  #active: ActiveFault[] = [];

  add(request: FaultRequest): string {
    const id = randomUUID();
    const random = request.seed === undefined ? Math.random : prng(request.seed);
    this.#active.push({ ...request, id, random, hits: 0 });
    return id;
  }

  list(): Fault[] {
    return this.#active.map((fault) => ({ ...fault, random: undefined }));
  }

  /** @returns `false` for an unknown id. */
  remove(id: string): boolean {
    const before = this.#active.length;
    this.#active = this.#active.filter((fault) => fault.id !== id);
    return this.#active.length < before;
  }

  clear(): void {
    this.#active = [];
  }

  /**
   * The faults of this request: any number of latencies, then at most one of another kind. Counts a
   * hit for each.
   */
  matches(service: ServiceName, operation: string): FaultRequest[] {
    if (this.#active.length === 0) return [];
    const matching: FaultRequest[] = [];
    for (const fault of this.#active) {
      if (!isFor(fault, service, operation)) continue;
      if (fault.count !== undefined && fault.hits >= fault.count) continue;
      if (fault.probability !== undefined && fault.random() >= fault.probability) continue;
      fault.hits += 1;
      matching.push(fault);
      if (fault.kind !== 'latency') break;
    }
    return matching;
  }
}

function isFor(fault: FaultRequest, service: ServiceName, operation: string): boolean {
  return fault.service === service && (fault.operation === '*' || fault.operation === operation);
}

/** The mulberry32 generator: 32 bits of state, numbers from 0 (inclusive) to 1 (exclusive). */
function prng(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
