import { type Appointment, FORGOTTEN_AFTER_MS } from './budget-ledger.js';
import { emptyLedger, type LedgerState } from './ledger-state.js';
import type { AcsOperation } from './request-budget.js';

/** Whose ledger. */
export interface LedgerKey {
  readonly resource: string;
  readonly operation: AcsOperation;
}

/** Who was told to come back, as far as a change of the ledger has to do with it. */
export interface AppointmentBook {
  /** Keys of people who come and may have been told to; their appointments are taken out. */
  readonly coming: readonly string[];
  /** To be written down; an older one of the same key is replaced. */
  readonly told: readonly Appointment[];
}

/** The change of a ledger. @param now the same clock's for all replicas */
export type LedgerChange<T> = (
  state: LedgerState,
  now: number,
  known: ReadonlyMap<string, Appointment>,
) => { readonly state: LedgerState; readonly answer: T };

/** Where the ledgers are kept that all replicas share. */
export abstract class BudgetLedgers {
  /** Changes one ledger; changes of the same one happen one after the other, in all replicas. */
  abstract change<T>(key: LedgerKey, book: AppointmentBook, change: LedgerChange<T>): Promise<T>;
}

/** Ledgers of a single process, for tests. */
export class MemoryBudgetLedgers extends BudgetLedgers {
  readonly #states = new Map<string, LedgerState>();
  readonly #appointments = new Map<string, { readonly turn: number; readonly dueAt: number }>();

  constructor(private readonly clock: { now(): number }) {
    super();
  }

  async change<T>(
    { resource, operation }: LedgerKey,
    { coming, told }: AppointmentBook,
    change: LedgerChange<T>,
  ): Promise<T> {
    const ledger = `${resource} ${operation}`;
    const now = this.clock.now();
    const known = new Map<string, Appointment>();
    for (const key of coming) {
      const found = this.#appointments.get(`${ledger} ${key}`);
      this.#appointments.delete(`${ledger} ${key}`);
      if (found && found.dueAt + FORGOTTEN_AFTER_MS > now) {
        known.set(key, { key, turn: found.turn, inMs: found.dueAt - now });
      }
    }
    for (const { key, turn, inMs } of told) {
      this.#appointments.set(`${ledger} ${key}`, { turn, dueAt: now + inMs });
    }
    const { state, answer } = change(this.#states.get(ledger) ?? emptyLedger, now, known);
    this.#states.set(ledger, state);
    return Promise.resolve(answer);
  }
}
