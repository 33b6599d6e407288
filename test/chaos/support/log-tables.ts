import type { QueryRunner } from 'typeorm';

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

export type ColumnType = 'text' | 'bytea' | 'bigint' | 'time' | 'uuid';

/** A table of the audit log. */
export interface LogTable {
  readonly name: string;
  /** Columns of the primary key. */
  readonly key: readonly string[];
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** Columns to order by. */
  readonly order: string;
  /** The first entry that a row is about, which verification names when the row is wrong. */
  readonly indexOf: (row: Row, runner: QueryRunner) => Promise<number> | number;
}

const entryIndex = (row: Row): number => Number(row.entry_index);
const tileStart = (row: Row): number => Number(row.tile_index) * 256 ** (Number(row.level) + 1);

export const LOG_TABLES: readonly LogTable[] = [
  {
    name: 'audit_entry',
    key: ['recorded_at', 'entry_index'],
    columns: {
      entry_index: 'bigint',
      recorded_at: 'time',
      id: 'uuid',
      action: 'text',
      outcome: 'text',
      reason_code: 'text',
      reason_detail: 'text',
      actor_kind: 'text',
      actor_tenant: 'text',
      actor_subject: 'text',
      client_app: 'text',
      target_tenant: 'text',
      target_subject: 'text',
      identity_id: 'text',
      communication_user_id: 'text',
      token_fingerprint: 'text',
      leaf: 'bytea',
    },
    order: 'entry_index',
    indexOf: entryIndex,
  },
  {
    name: 'audit_personal',
    key: ['recorded_at', 'entry_index', 'whose'],
    columns: {
      entry_index: 'bigint',
      recorded_at: 'time',
      whose: 'text',
      client_address: 'text',
      user_agent: 'text',
      display_name: 'text',
      salts: 'bytea',
    },
    order: 'entry_index',
    indexOf: entryIndex,
  },
  {
    name: 'audit_head',
    key: ['size'],
    columns: {
      size: 'bigint',
      from_size: 'bigint',
      root: 'bytea',
      recorded_at: 'time',
      leaf_hashes: 'bytea',
      checkpoint: 'text',
    },
    order: 'size',
    indexOf: (row) => Number(row.from_size),
  },
  {
    name: 'audit_tile',
    key: ['level', 'tile_index'],
    columns: { level: 'bigint', tile_index: 'bigint', hashes: 'bytea', root: 'bytea' },
    order: 'tile_index',
    indexOf: tileStart,
  },
  {
    name: 'audit_fingerprint_key',
    key: ['id'],
    columns: { id: 'text', first_index: 'bigint' },
    order: 'id',
    indexOf: (row) => Number(row.first_index),
  },
  {
    name: 'audit_statistic',
    key: ['dimension', 'hour', 'value'],
    columns: { dimension: 'text', hour: 'time', value: 'text', entries: 'bigint' },
    order: 'hour, dimension, value',
    indexOf: async (row, runner) => firstOfHour(String(row.hour), runner),
  },
  {
    name: 'audit_statistic_run',
    key: ['end_at'],
    columns: { start_at: 'time', end_at: 'time' },
    order: 'end_at',
    indexOf: () => 0,
  },
];

/** A table by its name. */
export function logTable(name: string): LogTable {
  const found = LOG_TABLES.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no table ${name}`);
  return found;
}

/** Number of entries that the newest head commits to. */
export async function logSize(runner: QueryRunner): Promise<number> {
  const [row] = (await runner.query('SELECT max(size) AS size FROM audit_head')) as Row[];
  return Number(row?.size);
}

async function firstOfHour(hour: string, runner: QueryRunner): Promise<number> {
  const [row] = (await runner.query(
    `SELECT min(entry_index) AS first FROM audit_entry
     WHERE date_trunc('hour', recorded_at, 'UTC') = $1::timestamptz`,
    [hour],
  )) as Row[];
  return row?.first === null ? logSize(runner) : Number(row?.first);
}
