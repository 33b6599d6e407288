/** What runs one statement: a connection, a pool or a transaction. */
export interface Queries {
  query<Row>(sql: string, parameters: readonly unknown[]): Promise<Row[]>;
}
