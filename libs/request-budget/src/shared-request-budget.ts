import { createHash, randomUUID } from 'node:crypto';
import type { OnModuleDestroy } from '@nestjs/common';
import type { Clock, Logger } from '#libs/platform';
import { OperationLimiter, type OperationLimits } from './operation-limiter.js';
import { reconcile } from './window/reconcile.js';
import type { WindowStore, WindowKey } from './window/window-store.js';
import type { BudgetMetrics } from './metrics.js';
import type { BudgetSettings } from './settings.js';
import { type BudgetRequest, type Permit, RequestBudget } from './request-budget.js';

/** A granted call must be begun within; a busy process may take its time. */
const LEASE_MS = 5000;
/** A call is over for certain this long after its deadline. */
const CALL_MARGIN_MS = 1000;

/**
 * A budget for each operation of each ACS resource, shared by all replicas through a ledger. Each
 * replica leases a few calls at a time, so that most calls don't ask the ledger.
 */
export class SharedRequestBudget extends RequestBudget implements OnModuleDestroy {
  readonly #lanes = new Map<string, OperationLimiter>();
  /** Names this process in the ledger. */
  readonly #holder = randomUUID();

  constructor(
    private readonly ledgers: WindowStore,
    private readonly settings: BudgetSettings & { readonly timeoutMs: number },
    private readonly environment: {
      readonly clock: Clock;
      readonly logger: Logger;
      readonly metrics: BudgetMetrics;
      /** From 0 to below 1; `Math.random` unless told otherwise. */
      readonly random?: () => number;
    },
  ) {
    super();
  }

  async acquire(request: BudgetRequest): Promise<Permit> {
    return this.environment.metrics.watch(request, async () => {
      const { key, ...rest } = request;
      const person = key === undefined ? rest : { ...rest, key: hashOf(key) };
      const permit = await this.#lane(request).acquire(person);
      return { ...permit, done: this.#noticing(request, permit) };
    });
  }

  async onModuleDestroy(): Promise<void> {
    const closing = [...this.#lanes.values()].map(async (lane) => lane.close());
    // What could not be given back runs out by itself.
    await Promise.allSettled(closing);
  }

  #noticing({ resource, operation }: BudgetRequest, permit: Permit): Permit['done'] {
    return (throttled) => {
      if (throttled) {
        const fields = { resource, operation, ...throttled };
        this.environment.logger.warn(fields, 'azure communication services limits our requests');
      }
      permit.done(throttled);
    };
  }

  #lane({ resource, operation }: WindowKey): OperationLimiter {
    const name = `${resource} ${operation}`;
    const known = this.#lanes.get(name);
    if (known) return known;
    const { clock, metrics, random = Math.random } = this.environment;
    const terms = this.#terms(operation);
    const lane = new OperationLimiter(terms, {
      holder: this.#holder,
      turn: async (request) => {
        const coming = request.newcomers.flatMap(({ key }) => key ?? []);
        const book = { coming, told: request.told };
        return this.ledgers.change({ resource, operation }, book, (state, now, known) =>
          reconcile(state, request, { ...terms, now, known }),
        );
      },
      clock,
      random,
    });
    metrics.waiting({ resource, operation }, () => lane.waiting);
    this.#lanes.set(name, lane);
    return lane;
  }

  #terms(operation: WindowKey['operation']): OperationLimits {
    const { limits, windowMs, maxWaitMs, timeoutMs } = this.settings;
    return {
      limit: limits[operation],
      windowMs,
      maxWaitMs,
      leaseMs: LEASE_MS,
      callMs: timeoutMs + CALL_MARGIN_MS,
    };
  }
}

/** What the ledger knows a person by: short, and not to be read back. */
function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 22);
}
