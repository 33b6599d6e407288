/**
 * The statement for the distinct values of a column, as `value`: one probe of an index that begins with it for
 * each, however many rows have the same.
 *
 * @param condition of the rows, and of the index
 */
export function distinctValues(table: string, column: string, condition: string): string {
  const next = (range: string): string => `
    SELECT ${column} FROM ${table} WHERE ${condition} ${range} ORDER BY ${column} LIMIT 1`;
  return `
    WITH RECURSIVE found (value) AS (
      (${next('')})
      UNION ALL
      SELECT (${next(`AND ${column} > found.value`)}) FROM found WHERE found.value IS NOT NULL
    )
    SELECT value FROM found WHERE value IS NOT NULL`;
}
