import { type Reservation, RESERVATION_GRACE_MS } from './reconcile.js';
import { EMPTY_WINDOW, type WindowState } from './window-state.js';
import type { AcsOperation } from '../request-budget.js';

/** Whose ledger. */
export interface WindowKey {
  readonly resource: string;
  readonly operation: AcsOperation;
}

/** Who was told to come back, as far as a change of the ledger has to do with it. */
export interface ReservationChanges {
  /** Keys of people who come and may have been told to; their appointments are taken out. */
  readonly coming: readonly string[];
  /** To be written down; an older one of the same key is replaced. */
  readonly told: readonly Reservation[];
}

/** The change of a ledger. @param now the same clock's for all replicas */
export type WindowChange<T> = (
  state: WindowState,
  now: number,
  known: ReadonlyMap<string, Reservation>,
) => { readonly state: WindowState; readonly answer: T };

/** Where the ledgers are kept that all replicas share. */
export abstract class WindowStore {
  /** Changes one ledger; changes of the same one happen one after the other, in all replicas. */
  abstract change<T>(key: WindowKey, book: ReservationChanges, change: WindowChange<T>): Promise<T>;
}

/** Ledgers of a single process, for tests. */
export class MemoryWindowStore extends WindowStore {
  readonly #states = new Map<string, WindowState>();
  readonly #appointments = new Map<string, { readonly turn: number; readonly dueAt: number }>();

  constructor(private readonly clock: { now(): number }) {
    super();
  }

  async change<T>(
    { resource, operation }: WindowKey,
    { coming, told }: ReservationChanges,
    change: WindowChange<T>,
  ): Promise<T> {
    const ledger = `${resource} ${operation}`;
    const now = this.clock.now();
    const known = new Map<string, Reservation>();
    for (const key of coming) {
      const found = this.#appointments.get(`${ledger} ${key}`);
      this.#appointments.delete(`${ledger} ${key}`);
      if (found && found.dueAt + RESERVATION_GRACE_MS > now) {
        known.set(key, { key, turn: found.turn, inMs: found.dueAt - now });
      }
    }
    for (const { key, turn, inMs } of told) {
      this.#appointments.set(`${ledger} ${key}`, { turn, dueAt: now + inMs });
    }
    const { state, answer } = change(this.#states.get(ledger) ?? EMPTY_WINDOW, now, known);
    this.#states.set(ledger, state);
    return Promise.resolve(answer);
  }
}
