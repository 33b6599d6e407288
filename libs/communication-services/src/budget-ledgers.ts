import { emptyLedger, type LedgerState } from './budget-ledger.js';
import type { AcsOperation } from './request-budget.js';

/** Whose ledger. */
export interface LedgerKey {
  readonly resource: string;
  readonly operation: AcsOperation;
}

/** Where the ledgers are kept that all replicas share. */
export abstract class BudgetLedgers {
  /**
   * Changes one ledger; changes of the same one happen one after the other, in all replicas.
   *
   * @param change gets the ledger and the time, which is the same clock's for all replicas
   */
  abstract change<T>(
    key: LedgerKey,
    change: (state: LedgerState, now: number) => { state: LedgerState; answer: T },
  ): Promise<T>;
}

/** Ledgers of a single process, for tests. */
export class MemoryBudgetLedgers extends BudgetLedgers {
  readonly #states = new Map<string, LedgerState>();

  constructor(private readonly clock: { now(): number }) {
    super();
  }

  async change<T>(
    { resource, operation }: LedgerKey,
    change: (state: LedgerState, now: number) => { state: LedgerState; answer: T },
  ): Promise<T> {
    const key = `${resource} ${operation}`;
    const { state, answer } = change(this.#states.get(key) ?? emptyLedger, this.clock.now());
    this.#states.set(key, state);
    return Promise.resolve(answer);
  }
}
