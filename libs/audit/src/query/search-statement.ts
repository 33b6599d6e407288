// The SQL of a search: conditions and ranges from a query. Runs nothing.
import { escapeControlCharacters } from '../entry/sanitize.js';
import { searchId } from '../entry/search-columns.js';
import { type EntryFilter, type EntryQuery, listOf } from './entry-filter.js';

/** The range of indexes and times that a search reads. Every database index ends in the entry's index. */
export interface Bounds {
  /** Entries with this index or a greater one. */
  readonly first?: number | undefined;
  /** Entries with a smaller index. */
  readonly end: number;
  /** The entries of the range were recorded between these times: few partitions need to be read. */
  readonly earliest?: Date | undefined;
  readonly latest: Date | undefined;
}

/** The parts of a search's statement. */
export interface StatementParts {
  readonly conditions: readonly string[];
  /** Whether one of the conditions selects entries by an index. Exclusions select none. */
  readonly isSelective: boolean;
  /** The conditions of the bounds. */
  readonly range: readonly string[];
  readonly direction: 'ASC' | 'DESC';
  readonly limit: number;
  readonly parameters: readonly unknown[];
  /** Adds a parameter. @returns its placeholder */
  readonly bind: (value: unknown) => string;
}

export const ENTRY_ROW = 'e.entry_index, e.recorded_at::text AS at, e.leaf';

/** Pages of the newest reasons that are searched for words before the full-text index is used. */
const NEWEST_REASON_PAGES = 3;

/** The columns of filters that have one value. */
const COLUMN_OF_FILTER = {
  action: 'e.action',
  outcome: 'e.outcome',
  reasonCode: 'e.reason_code',
  actorTenant: 'e.actor_tenant',
  clientApp: 'e.client_app',
  identityId: 'e.identity_id',
  communicationUserId: 'e.communication_user_id',
  fingerprint: 'e.token_fingerprint',
} as const satisfies { [K in keyof EntryFilter]?: string };

const ID_FILTERS = ['requestId', 'traceId', 'tokenId'] as const satisfies (keyof EntryFilter)[];

/** The expressions that are indexed. @param e alias of `audit_entry` */
export const facetIn = (e: string): string => `coalesce(${e}.facet, audit_facet(${e}.leaf))`;
const IDS = `(string_to_array(coalesce(e.search_ids, audit_search_ids(e.leaf)), ' ')::bigint[])`;

/** @param facets the combinations that the query allows, when they are to be a condition */
export function partsOf(
  query: EntryQuery,
  bounds: Bounds,
  branch: Branch,
  facets: readonly string[] | undefined,
): StatementParts {
  const parameters: unknown[] = [];
  const bind = (value: unknown): string => `$${parameters.push(value)}`;
  const { earliest, latest, first, end } = bounds;
  const range = [
    earliest && `e.recorded_at >= ${bind(earliest.toISOString())}`,
    latest && `e.recorded_at <= ${bind(latest.toISOString())}`,
    first === undefined ? undefined : `e.entry_index >= ${bind(first)}`,
    `e.entry_index < ${bind(end)}`,
  ].filter((condition) => condition !== undefined);
  const selecting = selectingConditions(query, branch, bind);
  if (facets) selecting.push(`${facetIn('e')} = ANY(${bind(facets)}::text[])`);
  const conditions = [...selecting, ...excludingConditions(query, bind)];
  const limit = query.limit + 1; // one more shows whether there is a next page
  const direction = query.order === 'ascending' ? 'ASC' : 'DESC';
  const isSelective = selecting.length > 0;
  return { conditions, isSelective, range, direction, limit, parameters, bind };
}

/** The first entries by index. */
export function inOrder(parts: StatementParts): string {
  const { conditions, isSelective, range, direction, limit } = parts;
  // Both give the same order; each fits the database indexes of its case.
  const order = isSelective
    ? `e.entry_index ${direction}`
    : `e.recorded_at ${direction}, e.entry_index ${direction}`;
  return `SELECT ${ENTRY_ROW} FROM audit_entry e ${where([...conditions, ...range])}
    ORDER BY ${order} LIMIT ${limit}`;
}

/** The first entries with reasons, of which those with the words. */
export function amongFirstReasons(parts: StatementParts, pageSize: number): string {
  const { conditions, range, direction, limit } = parts;
  return `SELECT ${ENTRY_ROW} FROM (
      SELECT * FROM audit_entry e ${where(['e.reason_code IS NOT NULL', ...range])}
      ORDER BY e.entry_index ${direction} LIMIT ${NEWEST_REASON_PAGES * pageSize}
    ) e ${where(conditions)} ORDER BY e.entry_index ${direction} LIMIT ${limit}`;
}

/** Finds personal values, then their entries. @param condition on `audit_personal e` */
export function byPersonalValue(parts: StatementParts, condition: string): string {
  const { conditions, range, direction, limit } = parts;
  return `SELECT e.* FROM (
      SELECT recorded_at, entry_index, whose FROM audit_personal e ${where([condition, ...range])}
      ORDER BY entry_index ${direction} OFFSET 0
    ) p CROSS JOIN LATERAL (
      SELECT ${ENTRY_ROW} FROM audit_entry e
      ${where(['e.recorded_at = p.recorded_at', 'e.entry_index = p.entry_index', ...conditions])}
      OFFSET 0
    ) e ORDER BY p.entry_index ${direction} LIMIT ${limit}`;
}

/**
 * For each of several keys the first entries, together in order.
 *
 * @param keys placeholder of an array
 * @param ofOne statement of the first entries of `k.key`
 */
export function ofEachKey(parts: StatementParts, keys: string, ofOne: string): string {
  const { direction, limit } = parts;
  return `SELECT e.* FROM unnest(${keys}) AS k (key) CROSS JOIN LATERAL (${ofOne}) e
    ORDER BY e.entry_index ${direction} LIMIT ${limit}`;
}

/** For each key with entries in the range the first index, first of all the one that comes first. */
export function headOfEachKey(
  { range, direction }: StatementParts,
  { keys, table, condition }: { keys: string; table: string; condition: string },
): string {
  return `SELECT k.key::text AS key, e.entry_index AS head FROM unnest(${keys}) AS k (key)
    CROSS JOIN LATERAL (
      SELECT e.entry_index FROM ${table} e ${where([condition, ...range])}
      ORDER BY e.entry_index ${direction} LIMIT 1
    ) e ORDER BY e.entry_index ${direction}`;
}

/** Steps from each distinct address of the text ranges to the next one, each by one look into the index. */
export function distinctAddresses(lows: string, highs: string, limit: number): string {
  const next = (after: string): string =>
    `SELECT client_address FROM audit_personal WHERE client_address ${after}
       AND client_address < r.high ORDER BY client_address LIMIT 1`;
  return `SELECT found.address FROM unnest(${lows}::text[], ${highs}::text[]) AS r (low, high)
    CROSS JOIN LATERAL (
      WITH RECURSIVE known (address) AS (
        (${next('>= r.low')})
        UNION ALL
        SELECT (${next('> known.address')}) FROM known WHERE known.address IS NOT NULL
      )
      SELECT address FROM known WHERE address IS NOT NULL LIMIT ${limit}
    ) AS found LIMIT ${limit}`;
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
}

function selectingConditions(
  query: EntryQuery,
  branch: Branch,
  bind: (value: unknown) => string,
): string[] {
  const conditions = branch.map(({ column, value }) =>
    value === undefined ? column : `${column} = ${bind(escapeControlCharacters(value))}`,
  );
  for (const [name, column] of Object.entries(COLUMN_OF_FILTER)) {
    const [value, ...others] = listOf<string>(query[name as keyof typeof COLUMN_OF_FILTER]); // the keys of the object above
    // Several values are a condition on the facet.
    if (value !== undefined && others.length === 0) {
      conditions.push(`${column} = ${bind(escapeControlCharacters(value))}`);
    }
  }
  const ids = idsOf(query);
  if (ids.length > 0) conditions.push(`${IDS} @> ${bind(ids)}::bigint[]`);
  if (query.reasonText !== undefined) {
    const words = bind(escapeControlCharacters(query.reasonText));
    conditions.push(
      `e.reason_code IS NOT NULL AND to_tsvector('simple', e.reason_code || ' ' ||
       coalesce(e.reason_detail, '')) @@ plainto_tsquery('simple', ${words})`,
    );
  }
  return conditions;
}

function excludingConditions(query: EntryQuery, bind: (value: unknown) => string): string[] {
  const excluded = listOf<string>(query.actorSubjectNot);
  if (excluded.length === 0) return [];
  const subjects = bind(excluded.map(escapeControlCharacters));
  return [`(e.actor_subject = ANY(${subjects}::text[])) IS NOT TRUE`];
}

/** The members of `search_ids` that an entry must have. */
export function idsOf(query: EntryFilter): string[] {
  return ID_FILTERS.flatMap((name) => {
    const value = query[name];
    return value === undefined ? [] : [searchId(name, escapeControlCharacters(value))];
  });
}

/** Conditions: the column equals the value, or without a value, the column is a whole condition. */
export type Branch = readonly { readonly column: string; readonly value?: string }[];

/**
 * Splits the conditions on actor, target and tenants into searches that use one database index each and
 * together find each entry once. A target is stored only where it differs from the actor.
 */
export function branchesOf(query: EntryQuery): Branch[] {
  const { actorSubject, targetSubject, targetTenant, scopeTenant } = query;
  const scopes: Branch[] =
    scopeTenant === undefined
      ? [[]]
      : ['e.actor_tenant', 'e.target_tenant'].map((column) => [{ column, value: scopeTenant }]);
  const tenants: Branch[] =
    targetTenant === undefined
      ? [[]]
      : [
          [
            { column: 'e.actor_tenant', value: targetTenant },
            { column: 'e.target_tenant IS NULL' },
          ],
          [{ column: 'e.target_tenant', value: targetTenant }],
        ];
  const subjects = subjectBranches(actorSubject, targetSubject);
  return scopes.flatMap((scope) =>
    tenants.flatMap((tenant) => subjects.map((subject) => [...scope, ...tenant, ...subject])),
  );
}

const ON_ITSELF = { column: 'e.target_subject IS NULL' };
const ON_OTHERS = { column: 'e.target_subject IS NOT NULL' };

function subjectBranches(actor: string | undefined, target: string | undefined): Branch[] {
  const by = (value: string): Branch[number] => ({ column: 'e.actor_subject', value });
  const on = (value: string): Branch[number] => ({ column: 'e.target_subject', value });
  if (actor === undefined && target === undefined) return [[]];
  if (target === undefined) {
    return actor === undefined ? [] : [ON_ITSELF, ON_OTHERS].map((where) => [by(actor), where]);
  }
  if (actor === undefined) return [[by(target), ON_ITSELF], [on(target)]];
  const onOther: Branch = [by(actor), on(target)];
  return actor === target ? [[by(actor), ON_ITSELF], onOther] : [onOther];
}
