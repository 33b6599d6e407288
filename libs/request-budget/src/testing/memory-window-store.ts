import { type Reservation, RESERVATION_GRACE_MS } from '../window/replica-report.js';
import { EMPTY_WINDOW, type WindowState } from '../window/window-state.js';
import {
  type ReservationUpdate,
  type WindowChange,
  type WindowKey,
  WindowStore,
} from '../window/window-store.js';

/** Windows in memory, shared by the limiters of one process. */
export class MemoryWindowStore extends WindowStore {
  readonly #states = new Map<string, WindowState>();
  readonly #reservations = new Map<string, { readonly tag: number; readonly dueAt: number }>();

  constructor(private readonly clock: { now(): number }) {
    super();
  }

  async update<T>(
    { resource, operation }: WindowKey,
    { claim, add }: ReservationUpdate,
    change: WindowChange<T>,
  ): Promise<T> {
    const window = `${resource} ${operation}`;
    const now = this.clock.now();
    const claimed = new Map<string, Reservation>();
    for (const requester of claim) {
      const { tag, dueAt } = this.#reservations.get(`${window} ${requester}`) ?? {};
      if (tag === undefined || dueAt === undefined || dueAt + RESERVATION_GRACE_MS <= now) continue;
      claimed.set(requester, { requester, tag, inMs: dueAt - now });
    }
    const { state, result } = change(this.#states.get(window) ?? EMPTY_WINDOW, now, claimed);
    for (const requester of claim) this.#reservations.delete(`${window} ${requester}`);
    for (const { requester, tag, inMs } of add) {
      this.#reservations.set(`${window} ${requester}`, { tag, dueAt: now + inMs });
    }
    this.#states.set(window, state);
    return Promise.resolve(result);
  }
}
