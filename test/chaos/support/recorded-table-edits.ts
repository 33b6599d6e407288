import { randomUUID } from 'node:crypto';
import type { DataSource, QueryRunner } from 'typeorm';
import { SAMPLE_TENANTS } from '../../../apps/emulator/src/index.js';
import type { Prng } from '../../support/prng.js';
import type { Service } from '../../support/service.js';
import { until } from '../../support/until.js';
import { AssignmentTraffic } from './assignment-traffic.js';
import { sendRequest } from './request.js';

const CHANGES_OF_ASSIGNMENTS = 40;
const INVITATIONS = 6;
const VISITORS = 2;

interface EditedTable {
  readonly table: string;
  /** Of the background verification. */
  readonly part: string;
  /** What its findings call a row. */
  readonly noun: string;
  /** What a superuser may write into each column. Times lie outside the tolerance of the check. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
  /** Whether the service still works on the row `t`. */
  readonly isOwed: string;
}

const TABLES: readonly EditedTable[] = [
  {
    table: 'revocation',
    part: 'revocations',
    noun: 'mass revocation',
    columns: {
      tenant: [`'fabrikam'`, 'NULL'],
      reason: [`reason || 'x'`],
      // A higher one would be that of the mappings that the service writes meanwhile.
      number: ['-number - 1000'],
      invitation: ['gen_random_uuid()'],
      issued_before: ['now()'],
      kind: [`'bot'`],
    },
    isOwed: 'finished_at IS NULL',
  },
  {
    table: 'invitation',
    part: 'invitations',
    noun: 'invitation',
    columns: {
      tenant: [`'fabrikam'`],
      meeting: [`meeting || 'x'`],
      scopes: [`'{chat}'`, `scopes || 'chat'`],
      max_uses: ['max_uses + 1'],
      uses: ['0', 'uses + 1'],
      expires_at: [`expires_at + interval '1 s'`, `'infinity'`],
      ended_at: [`CASE WHEN ended_at IS NULL THEN now() END`],
    },
    isOwed: 'false',
  },
  {
    table: 'teams_phone_assignment',
    part: 'assignments',
    noun: 'assignment',
    columns: {
      tenant: ['gen_random_uuid()'],
      object_id: ['gen_random_uuid()'],
      resource: [`'other'`],
      principal_type: [
        `CASE principal_type WHEN 'user' THEN 'teamsResourceAccount' ELSE 'user' END`,
      ],
      client_ids: [`client_ids || gen_random_uuid()`],
      version: ['version - 1'],
      created_at: [`created_at - interval '1 day'`],
    },
    isOwed: 'lease_expires_at IS NOT NULL',
  },
];

/** By table, for `EditUndo`. */
export const RECORDED_TABLE_KEYS = Object.fromEntries(TABLES.map(({ table }) => [table, ['id']]));

/** SQL: the rows that the service works on. */
export const OWED_ROWS = TABLES.map(
  ({ table, isOwed }) => `SELECT id::text FROM ${table} WHERE ${isOwed}`,
).join(' UNION ALL ');

/** An edit, and the row that the background verification must name. */
export interface RowTampering {
  readonly what: string;
  readonly part: string;
  readonly id: string;
  /** What a finding about it begins with. */
  readonly prefix: string;
}

/** Random edits of mass revocations, invitations and assignments, as a superuser can make them. */
export class RecordedTableEdits {
  private constructor(
    private readonly ids: ReadonlyMap<string, readonly string[]>,
    private readonly prng: Prng,
  ) {}

  /** Remembers the rows of the tables. */
  static async open(dataSource: DataSource, prng: Prng): Promise<RecordedTableEdits> {
    const ids = new Map<string, readonly string[]>();
    for (const { table } of TABLES) {
      const rows = await dataSource.query<{ id: string }[]>(`SELECT id FROM ${table} ORDER BY id`);
      if (rows.length === 0) throw new Error(`${table} has no rows`);
      ids.set(
        table,
        rows.map(({ id }) => id),
      );
    }
    return new RecordedTableEdits(ids, prng);
  }

  /** @returns `undefined` when there is nothing to edit */
  async edit(runner: QueryRunner): Promise<RowTampering | undefined> {
    const edited = this.prng.pick(TABLES);
    const id = this.prng.pick(this.ids.get(edited.table) ?? []);
    const choice = this.prng.below(8);
    if (choice === 0) return this.#delete(runner, edited, id);
    if (choice === 1) return this.#insertCopy(runner, edited, id);
    const { table, columns } = edited;
    const [column, values] = this.prng.pick(Object.entries(columns));
    const value = this.prng.pick(values);
    const [changed] = (await runner.query(
      `UPDATE ${table} SET ${column} = ${value} WHERE id = $1 AND ${column} IS DISTINCT FROM ${value} RETURNING id`,
      [id],
    )) as [unknown[], number];
    return changed.length > 0
      ? tampering(edited, id, `change ${table}.${column}: ${value}`)
      : undefined;
  }

  async #delete(runner: QueryRunner, edited: EditedTable, id: string): Promise<RowTampering> {
    await runner.query(`DELETE FROM ${edited.table} WHERE id = $1`, [id]);
    return tampering(edited, id, `delete ${edited.table}`);
  }

  /** @returns `undefined` when an earlier edit has deleted the row */
  async #insertCopy(
    runner: QueryRunner,
    edited: EditedTable,
    id: string,
  ): Promise<RowTampering | undefined> {
    const copy = randomUUID();
    const number = edited.table === 'revocation' ? `, 'number', -2000 - t.number` : '';
    const inserted = (await runner.query(
      `INSERT INTO ${edited.table} SELECT (jsonb_populate_record(
         t, jsonb_build_object('id', $2::uuid${number}))).* FROM ${edited.table} t WHERE id = $1
       RETURNING id`,
      [id, copy],
    )) as unknown[];
    return inserted.length > 0 ? tampering(edited, copy, `insert ${edited.table}`) : undefined;
  }
}

function tampering({ part, noun }: EditedTable, id: string, what: string): RowTampering {
  return { what, part, id, prefix: `${noun} ${id}:` };
}

/** Makes rows of every table through the API: some invitations end, and what they owe to ACS is done. */
export async function fillRecordedTables(service: Service, prng: Prng): Promise<void> {
  const { url = '' } = service.apis[0] ?? {};
  const send = async (method: 'POST' | 'DELETE', path: string, token?: string, body?: object) => {
    const { status, text } = await sendRequest(url, { method, path, token, ...(body && { body }) });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return text;
  };
  const [inviter, administrator] = [
    await service.token('crm-service'),
    await service.token('ada'),
  ] as const;
  for (let nth = 0; nth < INVITATIONS; nth += 1) {
    const body = { uses: VISITORS + 1, meeting: `meeting ${nth}`, expiresInMinutes: 600 };
    const text = await send('POST', '/v1/invitations', inviter, body);
    const { id, invitation } = JSON.parse(text) as { id: string; invitation: string };
    for (let visitor = 0; visitor < VISITORS; visitor += 1) {
      await send('POST', '/v1/visitors/tokens', undefined, { invitation });
    }
    if (nth % 3 === 0) await send('DELETE', `/v1/invitations/${id}`, inviter);
    if (nth % 3 === 1) {
      await send('POST', '/v1/revocations', administrator, { invitation: id, reason: 'a leak' });
    }
  }
  const { home } = SAMPLE_TENANTS;
  const traffic = new AssignmentTraffic({
    ...{ tenant: home.id, token: administrator, people: 12, prng, url: () => url },
  });
  for (let nth = 0; nth < CHANGES_OF_ASSIGNMENTS; nth += 1) await traffic.send();
  await until('nothing is owed to ACS', 60_000, async () => {
    return (await service.rows(`${OWED_ROWS} LIMIT 1`)).length === 0;
  });
}
