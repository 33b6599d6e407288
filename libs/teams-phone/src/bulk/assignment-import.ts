import { Injectable } from '@nestjs/common';
import { AuditTrail, auditActorOf, recordedImport } from '#libs/audit';
import {
  type CallContext,
  Clock,
  type Guid,
  type LineFault,
  readBatches,
  ServiceError,
  StorageUnavailable,
  type StreamLimits,
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
    const { chunks, tenant, isAnyTenant = false, stopSignal, limits } = request;
    return recordedImport<AssignmentItem | LineFault, AssignmentLineResult>(this.audit, {
      event: {
        ...auditActorOf(request),
        action: 'teams-phone.import',
        outcome: 'success',
        target: { tenant },
      },
      batches: readBatches(chunks, { batchLines: BATCH_LINES, stopSignal, limits }, (line) =>
        readAssignmentLine(line, { tenant, isAnyTenant }),
      ),
      counts: { lines: 0, created: 0, replaced: 0, unchanged: 0, failed: 0 },
      stopSignal,
      importBatch: async (batch) => this.#importBatch(batch, request),
      tooLarge: failure,
    });
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
