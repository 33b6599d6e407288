import { randomUUID } from 'node:crypto';
import type { QueryRunner } from 'typeorm';
import { hashLeaf } from '#libs/transparency-log';
import type { Prng } from '../../support/prng.js';
import {
  type ColumnType,
  LOG_TABLES,
  logSize,
  type LogTable,
  logTable,
  type Row,
} from './log-tables.js';

/** An edit, and the first index that verification must name. */
export interface Tampering {
  readonly what: string;
  readonly firstIndex: number;
  /** The row is about many entries: verification may name any of them. */
  readonly isAnyIndexRight?: boolean;
}

/** Edits a prng row. @returns `undefined` when there is nothing to edit */
export type Edit = (runner: QueryRunner, prng: Prng) => Promise<Tampering | undefined>;
/** All edits, each as likely as the others. */
export const LOG_EDITS: readonly Edit[] = [
  ...LOG_TABLES.flatMap((table): Edit[] => [
    changeOf(table),
    changeOf(table),
    async (runner: QueryRunner, prng: Prng) => deleteRow(table, runner, prng),
  ]),
  changeEntry,
  changeEntry,
  insertCopy,
  swapLeaves,
  backdate,
  truncate,
  rewriteCoherently,
];

function changeOf(table: LogTable): Edit {
  return async (runner, prng) => changeColumn(table, runner, prng);
}

async function changeEntry(runner: QueryRunner, prng: Prng): Promise<Tampering | undefined> {
  return changeColumn(logTable('audit_entry'), runner, prng);
}

async function pickRow(table: LogTable, runner: QueryRunner, prng: Prng): Promise<Row | undefined> {
  const columns = Object.entries(table.columns)
    .map(([name, type]) => (type === 'time' ? `${name}::text AS ${name}` : name))
    .join(', ');
  const rows = (await runner.query(
    `SELECT ${columns} FROM ${table.name} ORDER BY ${table.order}`,
  )) as Row[];
  return rows.length === 0 ? undefined : prng.pick(rows);
}

function where(table: LogTable, row: Row, from: number): { sql: string; values: unknown[] } {
  return {
    sql: table.key.map((name, nth) => `${name} = $${from + nth}`).join(' AND '),
    values: table.key.map((name) => row[name]),
  };
}

async function changeColumn(
  table: LogTable,
  runner: QueryRunner,
  prng: Prng,
): Promise<Tampering | undefined> {
  const row = await pickRow(table, runner, prng);
  if (!row) return undefined;
  const [column, type] = prng.pick(Object.entries(table.columns));
  const before = row[column];
  const change = changed(type, before, prng);
  if (change === undefined) return undefined;
  const { sql, values } = where(table, row, 2);
  const own = await table.indexOf(row, runner);
  let firstIndex = own + (change.offset ?? 0);
  if (table.name === 'audit_tile' && column === 'hashes') {
    firstIndex = own + (change.offset ?? 0) * 256 ** Number(row.level);
  } else if (!(table.name === 'audit_head' && column === 'leaf_hashes')) {
    firstIndex = own;
  }
  // Verification reports the lower of the old and the new place of a moved row.
  const isPlace = ['entry_index', 'from_size', 'tile_index', 'hour'].includes(column);
  if (isPlace) {
    const moved = await table.indexOf({ ...row, [column]: change.value }, runner);
    firstIndex = Math.min(firstIndex, Math.max(0, moved));
  }
  await runner.query(`UPDATE ${table.name} SET ${column} = $1 WHERE ${sql}`, [
    change.value,
    ...values,
  ]);
  const isAnyIndexRight = table.name === 'audit_statistic_run';
  return { what: `change ${table.name}.${column}: ${String(own)}`, firstIndex, isAnyIndexRight };
}

interface Change {
  readonly value: unknown;
  /** Of bytes: index of the changed hash, each 32 bytes long. */
  readonly offset?: number;
}

function changed(type: ColumnType, before: unknown, prng: Prng): Change | undefined {
  switch (type) {
    case 'uuid':
      return { value: randomUUID() };
    case 'bigint':
      return { value: Number(before) + prng.pick([-3, -2, -1, 1, 2, 3, 256, 100_000]) };
    case 'time': {
      const microseconds = prng.pick([1, 1000, -1000, 3_600_000_000, -86_400_000_000]);
      const time = Date.parse(`${String(before).replace(' ', 'T')}:00`);
      return {
        value: `${new Date(time + Math.trunc(microseconds / 1000)).toISOString().slice(0, -1)}${Math.abs(microseconds) < 1000 ? '001' : ''}Z`,
      };
    }
    case 'text':
      return changedText(before, prng);
    case 'bytea': {
      const bytes = Buffer.from(before as Uint8Array); // a column of bytes
      const at = prng.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << prng.below(8));
      return { value: bytes, offset: Math.floor(at / 32) };
    }
  }
}

function changedText(before: unknown, prng: Prng): Change | undefined {
  if (before === null) return { value: 'forged' };
  const text = before as string; // a column of texts
  const at = prng.below(text.length);
  const other = prng.pick([
    `${text}x`,
    text.slice(1),
    text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1),
  ]);
  return other === text ? undefined : { value: other };
}

async function deleteRow(
  table: LogTable,
  runner: QueryRunner,
  prng: Prng,
): Promise<Tampering | undefined> {
  const row = await pickRow(table, runner, prng);
  if (!row) return undefined;
  const { sql, values } = where(table, row, 1);
  const firstIndex = await table.indexOf(row, runner);
  await runner.query(`DELETE FROM ${table.name} WHERE ${sql}`, values);
  const isAnyIndexRight = table.name === 'audit_statistic_run';
  return { what: `delete ${table.name}: ${String(firstIndex)}`, firstIndex, isAnyIndexRight };
}

/** Inserts a copy of an entry at another index. */
async function insertCopy(runner: QueryRunner, prng: Prng): Promise<Tampering | undefined> {
  const row = await pickRow(logTable('audit_entry'), runner, prng);
  if (!row) return undefined;
  const size = await logSize(runner);
  const firstIndex = prng.below(size + 20);
  const names = Object.keys(logTable('audit_entry').columns);
  const values = names.map((name) => (name === 'entry_index' ? firstIndex : row[name]));
  await runner.query(
    `INSERT INTO audit_entry (${names.join(', ')}) VALUES (${names.map((_, nth) => `$${nth + 1}`).join(', ')})`,
    values,
  );
  return { what: `insert audit_entry: ${firstIndex}`, firstIndex };
}

/** Swaps two entries, except for their indexes. */
async function swapLeaves(runner: QueryRunner, prng: Prng): Promise<Tampering | undefined> {
  const size = await logSize(runner);
  const [a, b] = [prng.below(size), prng.below(size)];
  if (a === b) return undefined;
  await runner.query(
    `UPDATE audit_entry e SET leaf = o.leaf, id = o.id, action = o.action, outcome = o.outcome
     FROM audit_entry o WHERE (e.entry_index, o.entry_index) IN (($1, $2), ($2, $1))`,
    [a, b],
  );
  return { what: `swap entries: ${a} ${b}`, firstIndex: Math.min(a, b) };
}

/** Changes the time of an entry, in its bytes and in its columns. */
async function backdate(runner: QueryRunner, prng: Prng): Promise<Tampering> {
  const firstIndex = prng.below(await logSize(runner));
  await runner.query(
    `UPDATE audit_entry SET recorded_at = recorded_at - interval '1 second',
       leaf = convert_to(replace(convert_from(leaf, 'UTF8'),
         to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS'),
         to_char((recorded_at - interval '1 second') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')), 'UTF8')
     WHERE entry_index = $1`,
    [firstIndex],
  );
  return { what: `backdate: ${firstIndex}`, firstIndex };
}

/** Deletes the end of the log and all rows about it. */
async function truncate(runner: QueryRunner, prng: Prng): Promise<Tampering> {
  const heads = (await runner.query('SELECT from_size FROM audit_head ORDER BY size')) as Row[];
  const firstIndex = Number(prng.pick(heads).from_size);
  await runner.query('DELETE FROM audit_head WHERE size > $1', [firstIndex]);
  await runner.query('DELETE FROM audit_entry WHERE entry_index >= $1', [firstIndex]);
  await runner.query('DELETE FROM audit_personal WHERE entry_index >= $1', [firstIndex]);
  await runner.query('DELETE FROM audit_tile WHERE (tile_index + 1) * (256 ^ (level + 1)) > $1', [
    firstIndex,
  ]);
  await runner.query('DELETE FROM audit_fingerprint_key WHERE first_index >= $1', [firstIndex]);
  await runner.query('DELETE FROM audit_statistic');
  await runner.query('DELETE FROM audit_statistic_run');
  return { what: `truncate: ${firstIndex}`, firstIndex };
}

/** Rewrites an entry so that bytes, columns, leaf hash and tile agree; only the signature differs. */
async function rewriteCoherently(runner: QueryRunner, prng: Prng): Promise<Tampering> {
  const index = prng.below(await logSize(runner));
  const [row] = (await runner.query(`SELECT leaf FROM audit_entry WHERE entry_index = $1`, [
    index,
  ])) as { leaf: Buffer }[];
  const text = (row?.leaf ?? Buffer.of()).toString();
  const leaf = Buffer.from(
    prng.pick([
      text.replace('"outcome":"', '"outcome":"x'),
      text.replace('"recordedAt"', '"recordedBt"'),
      text.replace(/"actor":/, '"actor":null,"was":'),
      text.slice(1),
      'null',
    ]),
  );
  const hash = hashLeaf(leaf);
  await runner.query(
    `UPDATE audit_entry SET leaf = $2, outcome = 'x' || outcome WHERE entry_index = $1`,
    [index, leaf],
  );
  const heads = (await runner.query(
    `UPDATE audit_head SET leaf_hashes = overlay(leaf_hashes PLACING $2 FROM (32 * ($1 - from_size) + 1)::int)
     WHERE size > $1 AND from_size <= $1 RETURNING from_size`,
    [index, hash],
  )) as [Row[], number];
  await runner.query(
    `UPDATE audit_tile SET hashes = overlay(hashes PLACING $2 FROM (32 * ($1 % 256) + 1)::int)
     WHERE level = 0 AND tile_index = $1 / 256`,
    [index, hash],
  );
  return { what: `rewrite coherently: ${index}`, firstIndex: Number(heads[0][0]?.from_size) };
}
