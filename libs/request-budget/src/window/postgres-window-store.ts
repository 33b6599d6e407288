import type { Database, Transaction } from '#libs/platform';
import { type Reservation, RESERVATION_GRACE_MS } from './replica-report.js';
import {
  decodeWindowState,
  encodeWindowState,
  type StoredWindowState,
} from './stored-window-state.js';
import {
  type ReservationUpdate,
  type WindowChange,
  type WindowKey,
  WindowStore,
} from './window-store.js';
import { EMPTY_WINDOW } from './window-state.js';

interface Row {
  readonly state: StoredWindowState | null;
  readonly now: number;
}

/** The window whose row the transaction has locked. */
interface LockedWindow {
  readonly transaction: Transaction;
  readonly key: readonly [resource: string, operation: string];
  readonly now: number;
}

/**
 * Windows as rows of PostgreSQL, whose clock is the one for all replicas. A row is a few kilobytes
 * and is updated about ten times a second at most, under its row lock. Reservations are rows of
 * their own, which are read and written only while there are any.
 */
export class PostgresWindowStore extends WindowStore {
  constructor(private readonly database: Database) {
    super();
  }

  async update<T>(
    { resource, operation }: WindowKey,
    { claim, add }: ReservationUpdate,
    change: WindowChange<T>,
  ): Promise<T> {
    const key = [resource, operation] as const;
    return this.database.transaction(async (transaction) => {
      const { state, now } = await lockRow(transaction, key);
      const window = { transaction, key, now };
      const hasReservations = (state?.expectedUntil ?? 0) + RESERVATION_GRACE_MS > now;
      const claimed =
        hasReservations && claim.length > 0 ? await claimReservations(window, claim) : new Map();
      if (add.length > 0) await addReservations(window, add);
      if (add.length > 0 || (state?.expectedUntil && !hasReservations)) await deleteExpired(window);
      const changed = change(state ? decodeWindowState(state) : EMPTY_WINDOW, now, claimed);
      await transaction.query(
        'UPDATE acs_request_budget SET state = $3 WHERE resource = $1 AND operation = $2',
        [...key, JSON.stringify(encodeWindowState(changed.state))],
      );
      return changed.result;
    });
  }
}

async function lockRow(transaction: Transaction, key: LockedWindow['key']): Promise<Row> {
  // The time may be read before the wait for the lock: too early only keeps capacity in use longer.
  const read = async (): Promise<Row | undefined> => {
    const rows = await transaction.query<Row[]>(
      `SELECT state, (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now
         FROM acs_request_budget WHERE resource = $1 AND operation = $2 FOR UPDATE`,
      [...key],
    );
    return rows[0];
  };
  const existing = await read();
  if (existing) return existing;
  await transaction.query(
    'INSERT INTO acs_request_budget (resource, operation) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [...key],
  );
  const created = await read();
  if (!created) throw new Error('the row of a request budget vanished');
  return created;
}

async function claimReservations(
  { transaction, key, now }: LockedWindow,
  requesters: readonly string[],
): Promise<Map<string, Reservation>> {
  // TypeORM returns the rows of a DELETE and their count.
  const [rows] = await transaction.query<[Reservation[], number]>(
    `DELETE FROM acs_budget_appointment
      WHERE resource = $1 AND operation = $2 AND person = ANY ($3)
      RETURNING person AS requester, turn AS tag, due_at - $4::float8 AS "inMs"`,
    [...key, requesters, now],
  );
  const isExpired = ({ inMs }: Reservation): boolean => inMs + RESERVATION_GRACE_MS <= 0;
  return new Map(rows.filter((row) => !isExpired(row)).map((row) => [row.requester, row]));
}

async function addReservations(
  { transaction, key, now }: LockedWindow,
  reservations: readonly Reservation[],
): Promise<void> {
  const unique = [...new Map(reservations.map((one) => [one.requester, one])).values()];
  await transaction.query(
    `INSERT INTO acs_budget_appointment (resource, operation, person, turn, due_at)
     SELECT $1, $2, person, turn, due_at
       FROM unnest($3::text[], $4::float8[], $5::float8[]) AS one (person, turn, due_at)
     ON CONFLICT (resource, operation, person)
     DO UPDATE SET turn = excluded.turn, due_at = excluded.due_at`,
    [
      ...key,
      unique.map(({ requester }) => requester),
      unique.map(({ tag }) => tag),
      unique.map(({ inMs }) => now + inMs),
    ],
  );
}

async function deleteExpired({ transaction, key, now }: LockedWindow): Promise<void> {
  await transaction.query(
    `DELETE FROM acs_budget_appointment
      WHERE resource = $1 AND operation = $2 AND due_at < $3`,
    [...key, now - RESERVATION_GRACE_MS],
  );
}
