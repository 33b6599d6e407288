import type { Sink } from '../delivery/sink.js';

/** A sink with what the operator configured about its delivery. */
export interface ConfiguredSink {
  /** Identifies the cursor, and the sink in logs and metrics. */
  readonly name: string;
  readonly type: string;
  readonly sink: Sink;
  /** Where a sink begins that never got anything. */
  readonly start: 'beginning' | 'now';
  readonly sendsPersonalValues: boolean;
  /** Of one attempt. */
  readonly timeoutMs: number;
}
