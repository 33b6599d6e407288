import { Injectable } from '@nestjs/common';
import { BudgetExhausted } from '#libs/request-budget';
import { Clock, ServiceError } from '#libs/platform';
import { IdentityMappingService } from '../identity-mapping.service.js';
import type { CallContext } from '../lifecycle/call-context.js';
import type { ImportItem } from './import-line.js';
import { failure, type LineResult, success } from './line-result.js';

/** Calls to ACS under way at the same time. */
const AT_ONCE = 8;

/** Creates the identities of imported people ahead of their first token. */
@Injectable()
export class IdentityProvisioning {
  constructor(
    private readonly mappings: IdentityMappingService,
    private readonly clock: Clock,
  ) {}

  /**
   * Works as fast as the request budget lets bulk work go, and waits as long as it must.
   *
   * @param results of the lines so far; those that get an identity are replaced
   */
  async run(
    items: readonly ImportItem[],
    results: Map<number, LineResult>,
    who: CallContext,
  ): Promise<void> {
    const waiting = items.filter(({ number }) => {
      const result = results.get(number);
      return result && result.outcome !== 'failed' && result.communicationUserId === undefined;
    });
    const work = async (): Promise<void> => {
      for (let item = waiting.shift(); item; item = waiting.shift()) {
        results.set(item.number, await this.#create(item, who));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  async #create(item: ImportItem, who: CallContext): Promise<LineResult> {
    const { number, tenant, subject, kind } = item;
    const identity = { tenant, subject, kind };
    for (;;) {
      who.request?.signal?.throwIfAborted();
      try {
        const asked = { ...who, identity, priority: 'bulk' } as const;
        const { mapping, isNew } = await this.mappings.ensureActive(asked);
        return success(number, mapping, isNew ? 'created' : 'unchanged');
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        if (!(error instanceof BudgetExhausted)) return failure(number, error);
        await this.clock.sleep((error.retryAfterSeconds ?? 1) * 1_000, who.request?.signal);
      }
    }
  }
}
