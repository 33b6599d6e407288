import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type AuditEntry, EntryFeed } from '#libs/audit';
import { Clock, type ReadinessAnswer } from '#libs/platform';
import { ConfiguredSinks } from '../sinks/configured-sinks.js';
import { sinkRecord } from './sink-batches.js';
import { possibleIndex, SinkCursors, type SinkState } from './sink-cursors.js';

/** One configured sink: how far it is, and whether it works. */
export interface SinkStatus {
  readonly name: string;
  readonly type: string;
  /** Absent until a replica has begun to deliver. */
  readonly state: SinkState | undefined;
  /** Entries that are not delivered; of a sink without a cursor those of the whole log. */
  readonly lagEntries: number;
  /** Age of the oldest of them. Its time may be ahead: then how long the sink has been failing. */
  readonly lagSeconds: number;
}

/** No sink of this name is configured. For operators. */
export class UnknownSink extends Error {
  override readonly name = 'UnknownSink';
}

/** Shows the state of the sinks, and tries one. */
@Injectable()
export class SinkOverview {
  constructor(
    private readonly sinks: ConfiguredSinks,
    private readonly cursors: SinkCursors,
    private readonly feed: EntryFeed,
    private readonly clock: Clock,
  ) {}

  /** Every configured sink. */
  async statuses(): Promise<SinkStatus[]> {
    const states = new Map((await this.cursors.states()).map((state) => [state.name, state]));
    const size = await this.feed.size();
    return Promise.all(
      this.sinks.all.map(async ({ name, type }) => {
        const state = states.get(name);
        const nextIndex = possibleIndex(state?.nextIndex ?? 0, size);
        const lagEntries = Math.max(0, size - nextIndex);
        const lagSeconds = lagEntries === 0 ? 0 : await this.#ageOf(nextIndex, state?.failingSince);
        return { name, type, state, lagEntries, lagSeconds };
      }),
    );
  }

  /** Always ready: a sink is never a reason to issue no tokens. */
  async readiness(): Promise<ReadinessAnswer> {
    const names = this.sinks.all.map(({ name }) => name);
    try {
      const failing = (await this.cursors.states()).filter(
        ({ name, failure }) => names.includes(name) && failure !== undefined,
      );
      if (failing.length === 0) return { isReady: true };
      const reasons = failing.map(
        ({ name, failure, failingSince }) =>
          `sink ${name} has been ${String(failure)} since ${failingSince?.toISOString() ?? ''}`,
      );
      return { isReady: true, degradation: reasons.join('; ') };
    } catch {
      // Another part says that the database is unavailable.
      return { isReady: true, degradation: 'the states of the sinks can not be read' };
    }
  }

  /**
   * Sends one record that is not in the log, past the cursor. Its action is `x-sink.test`.
   *
   * @returns its id
   * @throws UnknownSink, SinkFailure
   */
  async test(name: string): Promise<string> {
    const configured = this.sinks.all.find((one) => one.name === name);
    if (!configured) throw new UnknownSink(`No sink ${name} is configured in AUDIT_SINKS_FILE.`);
    const { sink, timeoutMs } = configured;
    const entry: AuditEntry = {
      action: 'x-sink.test',
      actor: { kind: 'system', name: 'audit-delivery' },
      id: randomUUID(),
      outcome: 'success',
      recordedAt: new Date(this.clock.now()).toISOString(),
      version: 1,
    };
    const leaf = Buffer.from(JSON.stringify(entry));
    const record = { index: -1, entry, leaf, personal: {}, isDamaged: false };
    await sink.test(sinkRecord(record, sink.format(record)), AbortSignal.timeout(timeoutMs));
    return entry.id;
  }

  async #ageOf(index: number, failingSince: Date | undefined): Promise<number> {
    const [oldest] = (await this.feed.read(index, 1)).entries;
    if (!oldest) return 0;
    const now = this.clock.now();
    const recordedAt = Date.parse(oldest.entry.recordedAt);
    return Math.max(0, now - Math.min(recordedAt, failingSince?.getTime() ?? now)) / 1_000;
  }
}
