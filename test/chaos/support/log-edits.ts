import { randomUUID } from 'node:crypto';
import type { QueryRunner } from 'typeorm';
import { hashLeaf } from '#libs/transparency-log';
import type { Prng } from '../../support/prng.js';

/** An edit that was made, and the first index that verification must name. */
export interface Tampering {
  readonly what: string;
  readonly firstIndex: number;
  /** The row stands for many entries: that it was found at all is enough. */
  readonly isAnyIndexRight?: boolean;
}

type Edit = (runner: QueryRunner, random: Prng) => Promise<Tampering | undefined>;
type Row = Readonly<Record<string, unknown>>;

/** A table of the log: its columns by type, its key, and which index a row stands for. */
interface Table {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns: Readonly<Record<string, 'text' | 'bytea' | 'bigint' | 'time' | 'uuid'>>;
  readonly order: string;
  readonly indexOf: (row: Row, runner: QueryRunner) => Promise<number> | number;
}

const number = (value: unknown): number => Number(value);
const entryIndex = (row: Row): number => number(row.entry_index);
const tileStart = (row: Row): number => number(row.tile_index) * 256 ** (number(row.level) + 1);

const tables: readonly Table[] = [
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
    indexOf: (row) => number(row.from_size),
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
    indexOf: (row) => number(row.first_index),
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

/** Every way to tamper, each as likely as the next. */
export const edits: readonly Edit[] = [
  ...tables.flatMap((table): Edit[] => [
    changeOf(table),
    changeOf(table),
    async (runner: QueryRunner, random: Prng) => deleteRow(table, runner, random),
  ]),
  changeEntry,
  changeEntry,
  insertCopy,
  swapLeaves,
  backdate,
  truncate,
  rewriteCoherently,
];

function changeOf(table: Table): Edit {
  return async (runner, random) => changeColumn(table, runner, random);
}

async function changeEntry(runner: QueryRunner, random: Prng): Promise<Tampering | undefined> {
  return changeColumn(tables[0], runner, random);
}

async function pickRow(table: Table, runner: QueryRunner, random: Prng): Promise<Row | undefined> {
  const columns = Object.entries(table.columns)
    .map(([name, type]) => (type === 'time' ? `${name}::text AS ${name}` : name))
    .join(', ');
  const rows = (await runner.query(
    `SELECT ${columns} FROM ${table.name} ORDER BY ${table.order}`,
  )) as Row[];
  return rows.length === 0 ? undefined : random.pick(rows);
}

function where(table: Table, row: Row, from: number): { sql: string; values: unknown[] } {
  return {
    sql: table.key.map((name, nth) => `${name} = $${from + nth}`).join(' AND '),
    values: table.key.map((name) => row[name]),
  };
}

async function changeColumn(
  table: Table | undefined,
  runner: QueryRunner,
  random: Prng,
): Promise<Tampering | undefined> {
  const row = table && (await pickRow(table, runner, random));
  if (!table || !row) return undefined;
  const [column, type] = random.pick(Object.entries(table.columns));
  const before = row[column];
  const change = changed(type, before, random);
  if (change === undefined) return undefined;
  const { sql, values } = where(table, row, 2);
  const own = await table.indexOf(row, runner);
  let firstIndex = own + (change.offset ?? 0);
  if (table.name === 'audit_tile' && column === 'hashes') {
    firstIndex = own + (change.offset ?? 0) * 256 ** number(row.level);
  } else if (!(table.name === 'audit_head' && column === 'leaf_hashes')) {
    firstIndex = own;
  }
  // A row that now claims another place casts doubt on whichever of the two comes first.
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
  /** For bytes: which hash of 32 was changed. */
  readonly offset?: number;
}

function changed(
  type: Table['columns'][string],
  before: unknown,
  random: Prng,
): Change | undefined {
  switch (type) {
    case 'uuid':
      return { value: randomUUID() };
    case 'bigint':
      return { value: number(before) + random.pick([-3, -2, -1, 1, 2, 3, 256, 100_000]) };
    case 'time': {
      const microseconds = random.pick([1, 1000, -1000, 3_600_000_000, -86_400_000_000]);
      const time = Date.parse(`${String(before).replace(' ', 'T')}:00`);
      return {
        value: `${new Date(time + Math.trunc(microseconds / 1000)).toISOString().slice(0, -1)}${Math.abs(microseconds) < 1000 ? '001' : ''}Z`,
      };
    }
    case 'text':
      return changedText(before, random);
    case 'bytea': {
      const bytes = Buffer.from(before as Uint8Array); // a column of bytes
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return { value: bytes, offset: Math.floor(at / 32) };
    }
  }
}

function changedText(before: unknown, random: Prng): Change | undefined {
  if (before === null) return { value: 'forged' };
  const text = before as string; // a column of texts
  const at = random.below(text.length);
  const other = random.pick([
    `${text}x`,
    text.slice(1),
    text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1),
  ]);
  return other === text ? undefined : { value: other };
}

async function deleteRow(
  table: Table,
  runner: QueryRunner,
  random: Prng,
): Promise<Tampering | undefined> {
  const row = await pickRow(table, runner, random);
  if (!row) return undefined;
  const { sql, values } = where(table, row, 1);
  const firstIndex = await table.indexOf(row, runner);
  await runner.query(`DELETE FROM ${table.name} WHERE ${sql}`, values);
  const isAnyIndexRight = table.name === 'audit_statistic_run';
  return { what: `delete ${table.name}: ${String(firstIndex)}`, firstIndex, isAnyIndexRight };
}

/** A forged entry, at the end or between others. */
async function insertCopy(runner: QueryRunner, random: Prng): Promise<Tampering | undefined> {
  const row = await pickRow(table('audit_entry'), runner, random);
  if (!row) return undefined;
  const size = await sizeOf(runner);
  const firstIndex = random.below(size + 20);
  const names = Object.keys(table('audit_entry').columns);
  const values = names.map((name) => (name === 'entry_index' ? firstIndex : row[name]));
  await runner.query(
    `INSERT INTO audit_entry (${names.join(', ')}) VALUES (${names.map((_, nth) => `$${nth + 1}`).join(', ')})`,
    values,
  );
  return { what: `insert audit_entry: ${firstIndex}`, firstIndex };
}

/** Two entries change places, with everything but their index. */
async function swapLeaves(runner: QueryRunner, random: Prng): Promise<Tampering | undefined> {
  const size = await sizeOf(runner);
  const [a, b] = [random.below(size), random.below(size)];
  if (a === b) return undefined;
  await runner.query(
    `UPDATE audit_entry e SET leaf = o.leaf, id = o.id, action = o.action, outcome = o.outcome
     FROM audit_entry o WHERE (e.entry_index, o.entry_index) IN (($1, $2), ($2, $1))`,
    [a, b],
  );
  return { what: `swap entries: ${a} ${b}`, firstIndex: Math.min(a, b) };
}

/** The time in the bytes and in the columns alike. */
async function backdate(runner: QueryRunner, random: Prng): Promise<Tampering> {
  const firstIndex = random.below(await sizeOf(runner));
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

/** The end of the log goes, with everything that tells of it. */
async function truncate(runner: QueryRunner, random: Prng): Promise<Tampering> {
  const heads = (await runner.query('SELECT from_size FROM audit_head ORDER BY size')) as Row[];
  const firstIndex = number(random.pick(heads).from_size);
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

/** The clever one: bytes, columns, leaf hash and tile all agree; only the signature can't. */
async function rewriteCoherently(runner: QueryRunner, random: Prng): Promise<Tampering> {
  const index = random.below(await sizeOf(runner));
  const [row] = (await runner.query(`SELECT leaf FROM audit_entry WHERE entry_index = $1`, [
    index,
  ])) as { leaf: Buffer }[];
  const text = (row?.leaf ?? Buffer.of()).toString();
  const leaf = Buffer.from(
    random.pick([
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
  return { what: `rewrite coherently: ${index}`, firstIndex: number(heads[0][0]?.from_size) };
}

function table(name: string): Table {
  const found = tables.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no table ${name}`);
  return found;
}

async function sizeOf(runner: QueryRunner): Promise<number> {
  const [row] = (await runner.query('SELECT max(size) AS size FROM audit_head')) as Row[];
  return number(row?.size);
}

async function firstOfHour(hour: string, runner: QueryRunner): Promise<number> {
  const [row] = (await runner.query(
    `SELECT min(entry_index) AS first FROM audit_entry
     WHERE date_trunc('hour', recorded_at, 'UTC') = $1::timestamptz`,
    [hour],
  )) as Row[];
  return row?.first === null ? sizeOf(runner) : number(row?.first);
}
