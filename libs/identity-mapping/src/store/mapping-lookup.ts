import { setImmediate } from 'node:timers/promises';
import type { Database } from '#libs/platform';
import type { TenantSubject } from '../model/mapping.js';
import { MAPPING_COLUMNS, type MappingRow } from './mapping-columns.js';

/** A row that is not deleted, and whether its lease has expired. */
export type LiveRow = MappingRow & { readonly isLeaseExpired: boolean };

interface PendingLookup extends TenantSubject {
  readonly resource: string;
  readonly resolve: (row: LiveRow | undefined) => void;
  readonly reject: (error: unknown) => void;
}

type LookupRow = Record<string, unknown> & { readonly ordinal: string };

/** Lookups that come while this number of statements is under way share the next one. */
const MAX_STATEMENTS = 2;
const MAX_LOOKUPS_PER_STATEMENT = 256;

const TIMES = MAPPING_COLUMNS.filter(({ type }) => type === 'timestamptz');
// A number is read several times faster than the text of a time.
const COLUMNS = MAPPING_COLUMNS.map(({ name, property, type }) =>
  type === 'timestamptz'
    ? `(extract(epoch FROM ${name}) * 1000)::float8 AS "${property}"`
    : `${name} AS "${property}"`,
).join(', ');

/** LATERAL … LIMIT makes it one index lookup for each row, whatever the planner knows of the table. */
const FIND = `
  SELECT c.n AS ordinal, live.*
  FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS c (tenant, subject, resource, n),
  LATERAL (
    SELECT ${COLUMNS},
      coalesce(lease_expires_at < clock_timestamp(), false) AS "isLeaseExpired"
    FROM mapping
    WHERE tenant = c.tenant AND subject = c.subject AND status <> 'deleted'
    ORDER BY resource = c.resource DESC, id LIMIT 1
  ) AS live`;

/** Finds mappings of application identities. Lookups of one moment share a statement. */
export class MappingLookup {
  #pending: PendingLookup[] = [];
  #statementCount = 0;
  #isStarting = false;

  constructor(private readonly database: Database) {}

  /** @param resource preferred, when the identity has mappings in several resources */
  async find({ tenant, subject }: TenantSubject, resource: string): Promise<LiveRow | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<LiveRow | undefined>();
    this.#pending.push({ tenant, subject, resource, resolve, reject });
    void this.#start();
    return promise;
  }

  async #start(): Promise<void> {
    if (this.#isStarting) return;
    this.#isStarting = true;
    await setImmediate(); // lookups that come in the same moment share the first statement
    this.#isStarting = false;
    while (this.#pending.length > 0 && this.#statementCount < MAX_STATEMENTS) {
      void this.#run(this.#pending.splice(0, MAX_LOOKUPS_PER_STATEMENT));
    }
  }

  async #run(lookups: readonly PendingLookup[]): Promise<void> {
    this.#statementCount += 1;
    try {
      const rows = await this.database.queryPrepared<LookupRow>('mapping_find', FIND, [
        lookups.map(({ tenant }) => tenant),
        lookups.map(({ subject }) => subject),
        lookups.map(({ resource }) => resource),
      ]);
      const found = new Map(rows.map((row) => [Number(row.ordinal), row]));
      lookups.forEach(({ resolve }, nth) => {
        const row = found.get(nth + 1);
        resolve(row && toLiveRow(row));
      });
    } catch (error) {
      for (const { reject } of lookups) reject(error);
    } finally {
      this.#statementCount -= 1;
    }
    if (this.#pending.length > 0) void this.#start();
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
