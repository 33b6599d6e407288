import type { AcsOperation } from '../request-budget.js';
import type { Reservation } from './replica-report.js';
import type { WindowState } from './window-state.js';

/** Identifies a window: ACS limits each operation of each resource on its own. */
export interface WindowKey {
  readonly resource: string;
  readonly operation: AcsOperation;
}

/** What a change does to the reservations of its window. */
export interface ReservationUpdate {
  /** Requesters that arrived: their reservations are removed and handed to the change. */
  readonly claim: readonly string[];
  /** Reservations to store; one replaces an older one of the same requester. */
  readonly add: readonly Reservation[];
}

/**
 * Computes the next state of a window. Has no side effects.
 *
 * @param now ms of one clock for all replicas
 * @param claimed the reservations found, by requester; expired ones are left out
 */
export type WindowChange<T> = (
  state: WindowState,
  now: number,
  claimed: ReadonlyMap<string, Reservation>,
) => { readonly state: WindowState; readonly result: T };

/** Where the windows are stored that all replicas share. */
export abstract class WindowStore {
  /**
   * Changes one window. Changes of the same window are serialised over all replicas, and one that
   * throws leaves state and reservations as they were.
   *
   * @returns the result of the change
   * @throws DatabaseUnavailable when the store can't be reached
   */
  abstract update<T>(
    key: WindowKey,
    reservations: ReservationUpdate,
    change: WindowChange<T>,
  ): Promise<T>;
}
