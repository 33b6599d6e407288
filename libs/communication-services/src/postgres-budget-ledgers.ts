import type { Database } from '#libs/platform';
import { emptyLedger, type LedgerState } from './budget-ledger.js';
import { BudgetLedgers, type LedgerKey } from './budget-ledgers.js';

interface Row {
  readonly state: LedgerState | null;
  readonly now: number;
}

/**
 * Ledgers as rows of PostgreSQL, whose clock is the one for all replicas. A ledger is a few kilobytes
 * and is changed some ten times a second at most, under the lock of its row.
 */
export class PostgresBudgetLedgers extends BudgetLedgers {
  constructor(private readonly database: Database) {
    super();
  }

  async change<T>(
    { resource, operation }: LedgerKey,
    change: (state: LedgerState, now: number) => { state: LedgerState; answer: T },
  ): Promise<T> {
    const key = [resource, operation];
    return this.database.transaction(async (transaction) => {
      // The time may be taken before the lock was waited for: too early is on the safe side.
      const read = async (): Promise<Row | undefined> => {
        const rows = await transaction.query<Row[]>(
          `SELECT state, (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now
             FROM acs_request_budget WHERE resource = $1 AND operation = $2 FOR UPDATE`,
          key,
        );
        return rows[0];
      };
      let row = await read();
      if (!row) {
        await transaction.query(
          'INSERT INTO acs_request_budget (resource, operation) VALUES ($1, $2) ON CONFLICT DO NOTHING',
          key,
        );
        row = await read();
      }
      if (!row) throw new Error('the row of a request budget vanished');
      const { state, answer } = change(row.state ?? emptyLedger, row.now);
      await transaction.query(
        'UPDATE acs_request_budget SET state = $3 WHERE resource = $1 AND operation = $2',
        [...key, JSON.stringify(state)],
      );
      return answer;
    });
  }
}
