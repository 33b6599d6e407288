import { Injectable } from '@nestjs/common';
import { type AuditEntryRecord, EntryFeed } from '#libs/audit';
import { mapInSlices } from '#libs/platform';
import { reducedEntry, type ReductionReason } from './reduced-entry.js';
import type { Sink, SinkBatch, SinkRecord } from './sink.js';

/** The length of the texts of a reduced entry, in characters, and how many details are left at least. */
const REDUCTIONS = [
  [256, Infinity],
  [128, Infinity],
  [64, Infinity],
  // A GUID stays whole.
  [36, 0],
  [0, 0],
] as const;

/** What a sink gets next. */
export interface NextBatch extends SinkBatch {
  /** Where to continue once it is delivered; the given index when there is nothing new. */
  readonly nextIndex: number;
  readonly logSize: number;
  /** Entries that were retired before this sink got them. */
  readonly retiredCount: number;
  /** Records in their reduced form. */
  readonly reduced: readonly SinkRecord[];
}

/** What of the log is not delivered. */
export interface Lag {
  readonly logSize: number;
  /** When the oldest of it was recorded; absent when everything is delivered. */
  readonly oldestAt: string | undefined;
}

export interface BatchRequest {
  readonly sink: Sink;
  readonly sendsPersonalValues: boolean;
  readonly fromIndex: number;
  readonly maxEntries: number;
  /** All records are reduced: the receiver has rejected the whole ones. */
  readonly isReduced: boolean;
}

/**
 * Reads and formats what sinks get. One batch of the process at a time, over the connections of reading
 * work and in slices of the event loop, so that no number of sinks delays the issuance of tokens.
 */
@Injectable()
export class SinkBatches {
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly feed: EntryFeed) {}

  /** The size of the log. */
  async logSize(): Promise<number> {
    return this.feed.size();
  }

  /** How far the log is beyond an index. */
  async lag(fromIndex: number): Promise<Lag> {
    const { head, entries } = await this.feed.read(fromIndex, 1);
    return { logSize: head.size, oldestAt: entries[0]?.entry.recordedAt };
  }

  /** The next entries, with the personal values that are stored now. */
  async read(request: BatchRequest): Promise<NextBatch> {
    const reading = this.#last.then(async () => this.#read(request));
    this.#last = reading.catch(() => undefined);
    return reading;
  }

  async #read(request: BatchRequest): Promise<NextBatch> {
    const { sink, fromIndex, maxEntries } = request;
    const page = await this.feed.read(fromIndex, maxEntries);
    const { size: logSize, checkpoint } = page.head;
    const reduced: SinkRecord[] = [];
    const all = await mapInSlices(page.entries, (entry) => toRecord(entry, request, reduced));
    const records = withinBytes(all, sink.limits.maxBatchBytes);
    const lastTaken = records.at(-1);
    const isWhole = records.length === all.length || lastTaken === undefined;
    const nextIndex = isWhole ? page.nextIndex : lastTaken.index + 1;
    return {
      records,
      checkpoint,
      nextIndex,
      logSize,
      retiredCount: isWhole ? page.retiredCount : 0,
      reduced: reduced.filter(({ index }) => index < nextIndex),
    };
  }
}

function toRecord(
  stored: AuditEntryRecord,
  { sink, sendsPersonalValues, isReduced }: BatchRequest,
  reduced: SinkRecord[],
): SinkRecord {
  const record = sendsPersonalValues ? stored : { ...stored, personal: {} };
  const text = isReduced ? undefined : sink.format(record);
  const isTooLong = text !== undefined && Buffer.byteLength(text) > sink.limits.maxRecordBytes;
  if (text !== undefined && !isTooLong) return sinkRecord(record, text);
  const reason: ReductionReason = isTooLong ? 'too-large' : 'rejected';
  const short = sinkRecord(record, reducedText(sink, record, reason));
  reduced.push(short);
  return short;
}

/** The longest reduced form that the receiver takes: texts are cut first, then the longest details left out. */
function reducedText(sink: Sink, record: AuditEntryRecord, reason: ReductionReason): string {
  const format = (maxTextLength: number, maxDetails: number): string =>
    sink.format(reducedEntry(record, { reason, maxTextLength, maxDetails }));
  const detailCount = Object.keys(record.entry.details ?? {}).length;
  for (const [maxTextLength, minDetails] of REDUCTIONS) {
    for (let count = detailCount; count >= Math.min(minDetails, detailCount); count -= 1) {
      const text = format(maxTextLength, count);
      if (Buffer.byteLength(text) <= sink.limits.maxRecordBytes) return text;
    }
  }
  return format(0, 0);
}

/** @param index -1 for a record that is not in the log */
export function sinkRecord({ index, entry }: AuditEntryRecord, text: string): SinkRecord {
  const { id, recordedAt, action, outcome } = entry;
  return { index, id, recordedAt, action, isSuccess: outcome === 'success', text };
}

/** The first records that fit, at least one. */
function withinBytes(records: readonly SinkRecord[], maxBytes: number): readonly SinkRecord[] {
  let bytes = 0;
  const end = records.findIndex(({ text }, nth) => {
    bytes += Buffer.byteLength(text);
    return nth > 0 && bytes > maxBytes;
  });
  return end < 0 ? records : records.slice(0, end);
}
