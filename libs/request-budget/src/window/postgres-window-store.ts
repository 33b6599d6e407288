import type { Database, Transaction } from '#libs/platform';
import { type Reservation, RESERVATION_GRACE_MS } from './reconcile.js';
import {
  type ReservationChanges,
  WindowStore,
  type WindowChange,
  type WindowKey,
} from './window-store.js';
import { EMPTY_WINDOW, type WindowState } from './window-state.js';

interface Row {
  readonly state: WindowState | null;
  readonly now: number;
}

/** A ledger that is locked by the transaction under way. */
interface Locked {
  readonly transaction: Transaction;
  readonly key: readonly [resource: string, operation: string];
  readonly now: number;
}

/**
 * Ledgers as rows of PostgreSQL, whose clock is the one for all replicas. A ledger is a few kilobytes
 * and is changed some ten times a second at most, under the lock of its row. Those who were told to
 * come back have rows of their own, which are read and written only while there are any.
 */
export class PostgresWindowStore extends WindowStore {
  constructor(private readonly database: Database) {
    super();
  }

  async change<T>(
    { resource, operation }: WindowKey,
    { coming, told }: ReservationChanges,
    change: WindowChange<T>,
  ): Promise<T> {
    const key = [resource, operation] as const;
    return this.database.transaction(async (transaction) => {
      const { state, now } = await locked(transaction, key);
      const ledger = { transaction, key, now };
      const isExpected = (state?.expectedUntil ?? 0) + RESERVATION_GRACE_MS > now;
      const known = isExpected && coming.length > 0 ? await takeOut(ledger, coming) : new Map();
      if (told.length > 0) await writeDown(ledger, told);
      if (told.length > 0 || (state?.expectedUntil && !isExpected)) await forget(ledger);
      const changed = change(state ?? EMPTY_WINDOW, now, known);
      await transaction.query(
        'UPDATE acs_request_budget SET state = $3 WHERE resource = $1 AND operation = $2',
        [...key, JSON.stringify(changed.state)],
      );
      return changed.answer;
    });
  }
}

async function locked(transaction: Transaction, key: Locked['key']): Promise<Row> {
  // The time may be taken before the lock was waited for: too early is on the safe side.
  const read = async (): Promise<Row | undefined> => {
    const rows = await transaction.query<Row[]>(
      `SELECT state, (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now
         FROM acs_request_budget WHERE resource = $1 AND operation = $2 FOR UPDATE`,
      [...key],
    );
    return rows[0];
  };
  const known = await read();
  if (known) return known;
  await transaction.query(
    'INSERT INTO acs_request_budget (resource, operation) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [...key],
  );
  const created = await read();
  if (!created) throw new Error('the row of a request budget vanished');
  return created;
}

async function takeOut(
  { transaction, key, now }: Locked,
  coming: readonly string[],
): Promise<Map<string, Reservation>> {
  // TypeORM answers a DELETE with the rows and their count.
  const [rows] = await transaction.query<[Reservation[], number]>(
    `DELETE FROM acs_budget_appointment
      WHERE resource = $1 AND operation = $2 AND person = ANY ($3)
      RETURNING person AS key, turn, due_at - $4::float8 AS "inMs"`,
    [...key, coming, now],
  );
  const isForgotten = ({ inMs }: Reservation): boolean => inMs + RESERVATION_GRACE_MS <= 0;
  return new Map(rows.filter((row) => !isForgotten(row)).map((row) => [row.key, row]));
}

async function writeDown(
  { transaction, key, now }: Locked,
  told: readonly Reservation[],
): Promise<void> {
  const once = [...new Map(told.map((one) => [one.key, one])).values()];
  await transaction.query(
    `INSERT INTO acs_budget_appointment (resource, operation, person, turn, due_at)
     SELECT $1, $2, person, turn, due_at
       FROM unnest($3::text[], $4::float8[], $5::float8[]) AS one (person, turn, due_at)
     ON CONFLICT (resource, operation, person)
     DO UPDATE SET turn = excluded.turn, due_at = excluded.due_at`,
    [
      ...key,
      once.map((one) => one.key),
      once.map(({ turn }) => turn),
      once.map(({ inMs }) => now + inMs),
    ],
  );
}

async function forget({ transaction, key, now }: Locked): Promise<void> {
  await transaction.query(
    `DELETE FROM acs_budget_appointment
      WHERE resource = $1 AND operation = $2 AND due_at < $3`,
    [...key, now - RESERVATION_GRACE_MS],
  );
}
