import { randomUUID } from 'node:crypto';
import type { DataSource, QueryRunner } from 'typeorm';
import type { Prng } from '../../support/prng.js';

interface Row {
  readonly id: string;
  readonly status: string;
  /** Whether the log has an entry about it. */
  readonly is_recorded: boolean;
  /** Whether work for it is unfinished, so that it may have any lease. */
  readonly is_owed: boolean;
}

/** An edit, and the rows that the check must name. */
export interface MappingTampering {
  readonly what: string;
  readonly ids: readonly string[];
}

/** What a superuser may write into each column. Times lie outside the tolerance of the check. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  resource: [`resource || 'x'`, `'other'`],
  tenant: [`'fabrikam'`, `upper(tenant)`],
  subject: [`gen_random_uuid()::text`, `subject || ' '`],
  kind: [`CASE kind WHEN 'user' THEN 'bot' ELSE 'user' END`],
  status: ['pending', 'active', 'suspended', 'deleting', 'deleted'].map((status) => `'${status}'`),
  communication_user_id: [`communication_user_id || 'x'`, 'NULL', `'8:acs:' || gen_random_uuid()`],
  display_name: [`coalesce(display_name, '') || 'x'`, 'NULL'],
  version: ['version + 2', 'version - 2', 'version + 1000'],
  token_generation: ['token_generation + 1', 'token_generation - 1'],
  is_revoking: ['NOT is_revoking'],
  lease_holder: ['gen_random_uuid()'],
  lease_expires_at: ['now()'],
  created_at: [`created_at + interval '1 ms'`, `created_at - interval '1 day'`],
  updated_at: [`updated_at + interval '1 hour'`, `updated_at - interval '1 hour'`],
  deleted_at: [`CASE WHEN deleted_at IS NULL THEN now() END`, `deleted_at - interval '1 day'`],
};

/** Of a pending mapping without entries, only these are known; of one with entries, all but `updated_at`. */
const COLUMNS_OF_ANY_PENDING = [
  'communication_user_id',
  'display_name',
  'version',
  'token_generation',
  'is_revoking',
  'deleted_at',
];

/** Random edits of mappings, as a superuser can make them. */
export class MappingEdits {
  private constructor(
    private readonly rows: readonly Row[],
    private readonly prng: Prng,
  ) {}

  /**
   * Remembers the rows of the table.
   *
   * @param keepsConstraints of the table, for a service that runs. Default: they are dropped
   */
  static async open(
    dataSource: DataSource,
    prng: Prng,
    { keepsConstraints = false } = {},
  ): Promise<MappingEdits> {
    if (!keepsConstraints) await dropConstraints(dataSource);
    const rows = await dataSource.query<Row[]>(
      `SELECT id, status, status IN ('pending', 'deleting') OR is_revoking AS is_owed,
         EXISTS (SELECT FROM audit_entry WHERE identity_id = mapping.id::text) AS is_recorded
       FROM mapping ORDER BY id`,
    );
    return new MappingEdits(rows, prng);
  }

  /** @returns `undefined` when there is nothing to edit, or nothing that the log knows */
  async edit(runner: QueryRunner): Promise<MappingTampering | undefined> {
    switch (this.prng.below(5)) {
      case 0:
        return this.#swapColumn(runner);
      case 1:
        return this.#deleteRow(runner);
      case 2:
        return this.#insertCopy(runner);
      default:
        return this.#changeColumn(runner);
    }
  }

  async #changeColumn(runner: QueryRunner): Promise<MappingTampering | undefined> {
    const row = this.prng.pick(this.rows);
    const [column, values] = this.prng.pick(Object.entries(COLUMNS));
    if (!isKnown(row, column)) return undefined;
    const value = this.prng.pick(values);
    const [changed] = (await runner.query(
      `UPDATE mapping SET ${column} = ${value} WHERE id = $1 AND ${column} IS DISTINCT FROM ${value} RETURNING id`,
      [row.id],
    )) as [unknown[], number];
    return changed.length > 0 ? { what: `change ${column}: ${value}`, ids: [row.id] } : undefined;
  }

  /** Swaps a column of two rows. */
  async #swapColumn(runner: QueryRunner): Promise<MappingTampering | undefined> {
    const [one, other] = [this.prng.pick(this.rows), this.prng.pick(this.rows)];
    const column = this.prng.pick([
      'subject',
      'communication_user_id',
      'status',
      'token_generation',
      'id',
    ]);
    if (column === 'id' && !(one.is_recorded && other.is_recorded)) return undefined;
    if (column !== 'id' && !(isKnown(one, column) && isKnown(other, column))) return undefined;
    const ids = [one.id, other.id];
    const rows = (await runner.query(
      `SELECT ctid::text AS place, ${column}::text AS value FROM mapping WHERE id = ANY ($1)`,
      [ids],
    )) as { place: string; value: string | null }[];
    const [first, second] = rows;
    if (!first || !second || rows.length > 2 || first.value === second.value) return undefined;
    const set = async (place: string, value: string | null): Promise<string> => {
      const [changed] = (await runner.query(
        `UPDATE mapping SET ${column} = $2 WHERE ctid = $1::tid RETURNING ctid::text AS place`,
        [place, value],
      )) as [{ place: string }[], number];
      return changed[0]?.place ?? '';
    };
    // Unique indexes never see the same value twice.
    const isUnique = ['subject', 'communication_user_id', 'id'].includes(column);
    const moved = isUnique ? await set(first.place, randomUUID()) : first.place;
    await set(second.place, first.value);
    await set(moved, second.value);
    return { what: `swap ${column}: ${ids.join(' ')}`, ids };
  }

  async #deleteRow(runner: QueryRunner): Promise<MappingTampering | undefined> {
    const { id, is_recorded } = this.prng.pick(this.rows);
    if (!is_recorded) return undefined;
    await runner.query('DELETE FROM mapping WHERE id = $1', [id]);
    return { what: `delete: ${id}`, ids: [id] };
  }

  /** Inserts a copy of a row, under a new id or the same, or for somebody else. */
  async #insertCopy(runner: QueryRunner): Promise<MappingTampering | undefined> {
    const { id, status } = this.prng.pick(this.rows);
    const copy = this.prng.pick([id, randomUUID()]);
    if (copy !== id && status === 'pending') return undefined;
    const columns = Object.keys(COLUMNS);
    const others: Record<string, string> = {
      subject: 'gen_random_uuid()::text',
      communication_user_id: `communication_user_id || gen_random_uuid()`,
    };
    const isOfSomebodyElse = copy !== id && this.prng.below(2) === 0;
    const values = columns.map((name) => (isOfSomebodyElse ? (others[name] ?? name) : name));
    await runner.query(
      `INSERT INTO mapping (id, ${columns.join(', ')})
       SELECT $2, ${values.join(', ')} FROM mapping WHERE id = $1`,
      [id, copy],
    );
    return { what: `insert: a copy of ${id}`, ids: [copy] };
  }
}

function isKnown({ status, is_recorded, is_owed }: Row, column: string): boolean {
  if (column.startsWith('lease_')) return !is_owed;
  if (status !== 'pending') return true;
  return is_recorded ? column !== 'updated_at' : COLUMNS_OF_ANY_PENDING.includes(column);
}

/** As a superuser can: what constraints and unique indexes would refuse is tried as well. */
async function dropConstraints(dataSource: DataSource): Promise<void> {
  await dataSource.query(`
    DO $$ DECLARE name text; BEGIN
      FOR name IN SELECT conname FROM pg_constraint WHERE conrelid = 'mapping'::regclass AND contype <> 'n' LOOP
        EXECUTE format('ALTER TABLE mapping DROP CONSTRAINT %I CASCADE', name);
      END LOOP;
      FOR name IN SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'mapping'::regclass LOOP
        EXECUTE format('DROP INDEX %s', name);
      END LOOP;
      FOR name IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'mapping'::regclass AND NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER %I ON mapping', name);
      END LOOP;
    END $$`);
}
