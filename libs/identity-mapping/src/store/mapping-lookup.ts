import { type Database, isWorkLeaseOver, StatementBatcher } from '#libs/platform';
import { AWAITS_REVOCATION } from '../mass-revocation/revocation-conditions.js';
import type { TenantSubject } from '../model/mapping.js';
import { MAPPING_COLUMNS, type MappingRow } from './mapping-columns.js';
import { PERSON_ORDER } from './person-order.js';

/** A row that is not deleted, and whether its lease has expired. */
export type LiveRow = MappingRow & { readonly isLeaseExpired: boolean };

type LookupRow = Record<string, unknown> & { readonly ordinal: string };

const TIMES = MAPPING_COLUMNS.filter(({ type }) => type === 'timestamptz');
// A number is read several times faster than the text of a time.
const COLUMNS = [
  ...MAPPING_COLUMNS.map(({ name, property, type }) =>
    type === 'timestamptz'
      ? `(extract(epoch FROM ${name}) * 1000)::float8 AS "${property}"`
      : `${name} AS "${property}"`,
  ),
  `${AWAITS_REVOCATION} AS "awaitsRevocation"`,
].join(', ');

/**
 * LATERAL … LIMIT makes it one index lookup for each row, whatever the planner knows of the table. The
 * limit of the rows, their number, lets the planner expect few in any execution: it then keeps one plan
 * instead of planning each execution, which takes longer than the lookup.
 */
const FIND = `
  SELECT c.n AS ordinal, live.*
  FROM (SELECT * FROM unnest($1::text[], $2::text[]) WITH ORDINALITY LIMIT $3)
    AS c (tenant, subject, n),
  LATERAL (
    SELECT ${COLUMNS},
      coalesce(${isWorkLeaseOver('clock_timestamp()')}, false) AS "isLeaseExpired"
    FROM mapping
    WHERE tenant = c.tenant AND subject = c.subject AND status <> 'deleted'
    ORDER BY ${PERSON_ORDER} LIMIT 1
  ) AS live`;

/** Finds mappings of application identities. Lookups of one moment share a statement. */
export class MappingLookup {
  readonly #batcher = new StatementBatcher<TenantSubject, LiveRow | undefined>(async (lookups) =>
    this.#findAll(lookups),
  );

  constructor(private readonly database: Database) {}

  async find(person: TenantSubject): Promise<LiveRow | undefined> {
    return this.#batcher.answer(person);
  }

  async #findAll(lookups: readonly TenantSubject[]): Promise<(LiveRow | undefined)[]> {
    const rows = await this.database.queryPrepared<LookupRow>('mapping_find', FIND, [
      lookups.map(({ tenant }) => tenant),
      lookups.map(({ subject }) => subject),
      lookups.length,
    ]);
    const found = new Map(rows.map((row) => [Number(row.ordinal), row]));
    return lookups.map((_, nth) => {
      const row = found.get(nth + 1);
      return row && toLiveRow(row);
    });
  }
}

function toLiveRow(row: LookupRow): LiveRow {
  const times = TIMES.map(({ property }) => {
    const value = row[property];
    return [property, typeof value === 'number' ? new Date(value) : null];
  });
  // The statement selects exactly these columns.
  return { ...row, ...(Object.fromEntries(times) as object) } as unknown as LiveRow;
}
