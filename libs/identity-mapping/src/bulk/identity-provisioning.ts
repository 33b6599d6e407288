import { Injectable } from '@nestjs/common';
import { BudgetExhausted } from '#libs/request-budget';
import { type CallContext, Clock, ServiceError, StorageUnavailable } from '#libs/platform';
import { IdentityMappingService } from '../identity-mapping.service.js';
import { auditActorOf } from '../lifecycle/call-context.js';
import { failure, type ImportItem, type LineResult, success } from './import-line.js';

/** Concurrent calls to ACS. */
const MAX_CONCURRENT_CALLS = 8;

/** Creates the identities of imported lines before their first token is requested. */
@Injectable()
export class IdentityProvisioning {
  constructor(
    private readonly mappings: IdentityMappingService,
    private readonly clock: Clock,
  ) {}

  /**
   * Creates identities at the rate that the request budget allows for bulk calls.
   *
   * @param results of all lines; those of lines that get an identity, or fail, are replaced
   * @returns `false` when an outage failed a line
   */
  async run(
    items: readonly ImportItem[],
    results: Map<number, LineResult>,
    context: CallContext,
  ): Promise<boolean> {
    let isComplete = true;
    const remaining = items.filter(({ number }) => {
      const result = results.get(number);
      return result && result.outcome !== 'failed' && result.communicationUserId === undefined;
    });
    const worker = async (): Promise<void> => {
      for (let item = remaining.shift(); item; item = remaining.shift()) {
        const { number } = item;
        try {
          results.set(number, await this.#create(item, context));
        } catch (error) {
          if (!(error instanceof ServiceError)) throw error;
          if (error instanceof StorageUnavailable) isComplete = false;
          results.set(number, failure(number, error));
        }
      }
    };
    await Promise.all(Array.from({ length: MAX_CONCURRENT_CALLS }, worker));
    return isComplete;
  }

  /** Waits and repeats while the request budget defers the call. */
  async #create(item: ImportItem, context: CallContext): Promise<LineResult> {
    const { number, tenant, subject, kind } = item;
    const identity = { tenant, subject, kind };
    const signal = context.request?.signal;
    for (;;) {
      signal?.throwIfAborted();
      try {
        const request = { ...auditActorOf(context), identity, priority: 'bulk' } as const;
        const { mapping, isNew } = await this.mappings.ensureActive(request);
        return success(number, mapping, isNew ? 'created' : 'unchanged');
      } catch (error) {
        if (!(error instanceof BudgetExhausted)) throw error;
        await this.clock.sleep((error.retryAfterSeconds ?? 1) * 1_000, signal);
      }
    }
  }
}
