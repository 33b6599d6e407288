import { StreamTooLong } from '#libs/platform';
import type { AuditEvent } from './audit-event.js';
import type { AuditTrail } from './audit-trail.js';

/**
 * Records the export, then yields its pieces; records how much there was before it ends, also when its
 * reader has gone.
 *
 * @param event of both entries, which differ in their details
 * @param countOf what is exported with a piece; one, if every piece is a line
 * @throws AuditUnavailable before the first piece
 */
export async function recordedExport<Piece>(
  audit: AuditTrail,
  event: AuditEvent,
  pieces: AsyncIterable<Piece>,
  countOf: (piece: Piece) => number = () => 1,
): Promise<AsyncGenerator<Piece, undefined>> {
  await audit.record(inStage(event, { stage: 'begun' }));
  return countedPieces(audit, event, pieces, countOf);
}

async function* countedPieces<Piece>(
  audit: AuditTrail,
  event: AuditEvent,
  pieces: AsyncIterable<Piece>,
  countOf: (piece: Piece) => number,
): AsyncGenerator<Piece, undefined> {
  let exported = 0;
  let isComplete = false;
  try {
    for await (const piece of pieces) {
      exported += countOf(piece);
      yield piece;
    }
    isComplete = true;
  } finally {
    await audit.record(inStage(event, { stage: 'ended', exported, isComplete }));
  }
  return undefined;
}

interface LineResult {
  readonly outcome: string;
}

/** The lines of an import, by their outcome. */
export type ImportCounts<Result extends LineResult> = Record<'lines' | Result['outcome'], number>;

/** What an import does with its lines. */
export interface ImportWork<Item, Result extends LineResult> {
  /** Of both entries, which differ in their details. */
  readonly event: AuditEvent;
  readonly batches: AsyncIterable<readonly Item[]>;
  /** Zero for each outcome. */
  readonly counts: ImportCounts<Result>;
  /** Ends the import after the batch in progress. */
  readonly stopSignal?: AbortSignal | undefined;
  /** @returns a result for each line; `isComplete: false` when an outage ends the import */
  importBatch(
    batch: readonly Item[],
  ): Promise<{ readonly results: readonly Result[]; readonly isComplete: boolean }>;
  /** The result of a line at which the source is longer than it may be. */
  tooLarge(line: number, problem: { readonly code: string; readonly detail: string }): Result;
}

/** The counts, and whether no outage, limit or shutdown ended the import early. */
export type RecordedImport<Result extends LineResult> = AsyncGenerator<
  Result,
  ImportCounts<Result> & { readonly isComplete: boolean }
>;

/**
 * - `stopped`: at a limit or a shutdown
 * - `broken-off`: by an outage, a failure of the source, or a consumer that has gone
 */
type Ending = 'complete' | 'stopped' | 'broken-off';

/**
 * Records the start of the import, then yields a result for each line, batch by batch, and returns the
 * summary, whose counts are recorded as the end of the import. The import stops when the consumer stops
 * reading.
 *
 * @throws AuditUnavailable before the first line
 */
export async function recordedImport<Item, Result extends LineResult>(
  audit: AuditTrail,
  work: ImportWork<Item, Result>,
): Promise<RecordedImport<Result>> {
  await audit.record(inStage(work.event, { stage: 'begun' }));
  return countedResults(audit, work);
}

async function* countedResults<Item, Result extends LineResult>(
  audit: AuditTrail,
  work: ImportWork<Item, Result>,
): RecordedImport<Result> {
  const counts = { ...work.counts };
  let ending: Ending = 'broken-off';
  try {
    ending = yield* importAll(work, counts);
  } finally {
    const summary = { ...counts, isComplete: ending === 'complete' };
    await recordEnd(audit, inStage(work.event, { stage: 'ended', ...summary }), ending);
  }
  return { ...counts, isComplete: ending === 'complete' };
}

async function* importAll<Item, Result extends LineResult>(
  work: ImportWork<Item, Result>,
  counts: Record<string, number>,
): AsyncGenerator<Result, Ending> {
  const { batches, stopSignal } = work;
  const add = (name: string): void => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  try {
    for await (const batch of batches) {
      stopSignal?.throwIfAborted();
      const { results, isComplete } = await work.importBatch(batch);
      for (const { outcome } of results) {
        add('lines');
        add(outcome);
      }
      yield* results;
      if (!isComplete) return 'broken-off';
    }
    return 'complete';
  } catch (error) {
    if (error instanceof StreamTooLong) {
      const result = work.tooLarge(error.line, {
        code: 'import-too-large',
        detail: error.message,
      });
      add('lines');
      add(result.outcome);
      yield result;
    } else if (stopSignal?.aborted !== true || error !== stopSignal.reason) throw error;
    return 'stopped';
  }
}

/** @throws AuditUnavailable unless the import was broken off, whose cause is what the caller learns */
async function recordEnd(audit: AuditTrail, event: AuditEvent, ending: Ending): Promise<void> {
  if (ending !== 'broken-off') {
    await audit.record(event);
    return;
  }
  const reason = { code: 'import-broken-off' };
  await audit.record({ ...event, outcome: 'failure', reason }).catch(() => undefined);
}

function inStage(event: AuditEvent, details: NonNullable<AuditEvent['details']>): AuditEvent {
  return { ...event, details: { ...event.details, ...details } };
}
