import type { Database } from './database.js';

/** Rows of one statement, which then ends far within the statement timeout. */
const BATCH_SIZE = 2_000;

/**
 * Deletes rows in batches, each in a statement of its own. Rows that another process deletes at the
 * same time are skipped.
 *
 * @param table name of the table
 * @param condition SQL that an index on the table can answer
 * @param signal aborts between two batches
 */
export async function deleteInBatches(
  database: Database,
  rows: {
    readonly table: string;
    readonly condition: string;
    readonly parameters: readonly unknown[];
  },
  signal?: AbortSignal,
): Promise<void> {
  const { table, condition, parameters } = rows;
  for (let count = BATCH_SIZE; count === BATCH_SIZE && !signal?.aborted;) {
    const [deleted] = await database.query<{ count: string }>(
      `WITH expired AS MATERIALIZED (
         SELECT ctid AS place FROM ${table} WHERE ${condition}
         LIMIT ${BATCH_SIZE} FOR UPDATE SKIP LOCKED
       ), deleted AS (
         DELETE FROM ${table} USING expired WHERE ${table}.ctid = expired.place RETURNING 1
       )
       SELECT count(*) FROM deleted`,
      [...parameters],
    );
    count = Number(deleted?.count);
  }
}
