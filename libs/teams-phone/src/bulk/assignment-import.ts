import { Injectable } from '@nestjs/common';
import { type AuditEvent, AuditTrail, auditActorOf } from '#libs/audit';
import {
  type CallContext,
  Clock,
  type Guid,
  type LineFault,
  readBatches,
  ServiceError,
  StorageUnavailable,
  type StreamLimits,
  StreamTooLong,
} from '#libs/platform';
import { TeamsPhoneAssignments } from '../teams-phone-assignments.js';
import {
  type AssignmentItem,
  type AssignmentLineResult,
  failure,
  readAssignmentLine,
} from './assignment-line.js';

export interface AssignmentImportRequest extends CallContext {
  /** Newline-delimited JSON. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** The tenant of lines without one. */
  readonly tenant: Guid;
  /** Whether lines may be of other tenants; for operators. Default: false. */
  readonly isAnyTenant?: boolean;
  /** Ends the import after the batch in progress; the summary then says that it is not complete. */
  readonly stopSignal?: AbortSignal;
  /** Default: none, for operators' files. A longer stream ends with a failed line, incomplete. */
  readonly limits?: StreamLimits;
}

/** The counts of an import. */
export interface AssignmentImportSummary {
  readonly lines: number;
  readonly created: number;
  readonly replaced: number;
  readonly unchanged: number;
  readonly failed: number;
  /** `false`: an outage, a limit or a shutdown ended the import early; import the whole file again, or in parts. */
  readonly isComplete: boolean;
}

type Counts = Record<'lines' | AssignmentLineResult['outcome'], number>;
type Ending = 'complete' | 'stopped' | 'broken-off';

/** Lines whose results are given together. */
const BATCH_LINES = 64;
/** Concurrent changes. */
const MAX_CONCURRENT_CALLS = 8;
/** Before a call that the request budget has deferred is repeated. */
const DEFERRAL_MS = 1_000;

/**
 * Creates and replaces assignments line by line, in constant memory, at the rate that the request budget
 * allows for bulk calls. A faulty line fails alone; an outage of the database ends the import. Safe to
 * repeat: what is so already stays unchanged.
 */
@Injectable()
export class AssignmentImport {
  constructor(
    private readonly assignments: TeamsPhoneAssignments,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
  ) {}

  /**
   * Records the start of the import, then yields a result for each line, batch by batch, and returns
   * the summary, whose counts are recorded as the end of the import. The import stops when the consumer
   * stops reading.
   *
   * @throws AuditUnavailable before the first line
   */
  async run(
    request: AssignmentImportRequest,
  ): Promise<AsyncGenerator<AssignmentLineResult, AssignmentImportSummary>> {
    await this.audit.record(stageEvent(request, { stage: 'begun' }));
    return this.#results(request);
  }

  async *#results(
    request: AssignmentImportRequest,
  ): AsyncGenerator<AssignmentLineResult, AssignmentImportSummary> {
    const counts: Counts = { lines: 0, created: 0, replaced: 0, unchanged: 0, failed: 0 };
    let ending: Ending = 'broken-off';
    try {
      ending = yield* this.#importAll(request, counts);
    } finally {
      await this.#recordEnd(request, { ...counts, isComplete: ending === 'complete' }, ending);
    }
    return { ...counts, isComplete: ending === 'complete' };
  }

  async *#importAll(
    request: AssignmentImportRequest,
    counts: Counts,
  ): AsyncGenerator<AssignmentLineResult, Ending> {
    const { chunks, tenant, isAnyTenant = false, stopSignal, limits } = request;
    const batches = readBatches(chunks, { batchLines: BATCH_LINES, stopSignal, limits }, (line) =>
      readAssignmentLine(line, { tenant, isAnyTenant }),
    );
    try {
      for await (const batch of batches) {
        stopSignal?.throwIfAborted();
        const { results, isComplete } = await this.#importBatch(batch, request);
        counts.lines += results.length;
        for (const { outcome } of results) counts[outcome] += 1;
        yield* results;
        if (!isComplete) return 'broken-off';
      }
      return 'complete';
    } catch (error) {
      if (error instanceof StreamTooLong) {
        counts.lines += 1;
        counts.failed += 1;
        yield failure(error.line, { code: 'import-too-large', detail: error.message });
      } else if (stopSignal?.aborted !== true || error !== stopSignal.reason) throw error;
      return 'stopped';
    }
  }

  /** @throws AuditUnavailable unless the import was broken off, whose cause is what the caller learns */
  async #recordEnd(
    request: AssignmentImportRequest,
    summary: AssignmentImportSummary,
    ending: Ending,
  ): Promise<void> {
    const event = stageEvent(request, { stage: 'ended', ...summary });
    if (ending !== 'broken-off') {
      await this.audit.record(event);
      return;
    }
    const reason = { code: 'import-broken-off' };
    await this.audit.record({ ...event, outcome: 'failure', reason }).catch(() => undefined);
  }

  /** Imports concurrently, but lines about one principal in their order. */
  async #importBatch(
    batch: readonly (AssignmentItem | LineFault)[],
    request: AssignmentImportRequest,
  ): Promise<{ readonly results: readonly AssignmentLineResult[]; readonly isComplete: boolean }> {
    const results: AssignmentLineResult[] = [];
    const underWay = new Map<string, Promise<void>>();
    let isComplete = true;
    const importOne = async (nth: number, item: AssignmentItem | LineFault): Promise<void> => {
      if ('code' in item) {
        results[nth] = failure(item.number, item);
        return;
      }
      try {
        results[nth] = await this.#import(item, request);
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        if (error instanceof StorageUnavailable) isComplete = false;
        results[nth] = failure(item.number, error);
      }
    };
    const remaining = batch.entries();
    const worker = async (): Promise<void> => {
      for (const [nth, item] of remaining) {
        const key = 'code' in item ? `line ${nth}` : `${item.tenant} ${item.objectId}`;
        const work = (underWay.get(key) ?? Promise.resolve()).then(async () =>
          importOne(nth, item),
        );
        underWay.set(key, work);
        await work;
      }
    };
    await Promise.all(Array.from({ length: MAX_CONCURRENT_CALLS }, worker));
    return { results, isComplete };
  }

  /** Waits and repeats while the request budget defers the call. */
  async #import(
    { number: line, ...wanted }: AssignmentItem,
    { actor, request }: CallContext,
  ): Promise<AssignmentLineResult> {
    const context = { actor, ...(request && { request }), priority: 'bulk' } as const;
    for (let outcome: AssignmentLineResult['outcome'] | undefined; ;) {
      request?.signal?.throwIfAborted();
      const put = await this.assignments.put(wanted, context);
      outcome ??= put.isNew ? 'created' : put.isChanged ? 'replaced' : 'unchanged';
      if (!put.isDeferred) return { line, outcome, status: put.assignment.status };
      await this.clock.sleep(DEFERRAL_MS, request?.signal);
    }
  }
}

function stageEvent(
  request: AssignmentImportRequest,
  details: NonNullable<AuditEvent['details']>,
): AuditEvent {
  const { tenant } = request;
  return {
    ...auditActorOf(request),
    action: 'teams-phone.import',
    outcome: 'success',
    target: { tenant },
    details,
  };
}
