// What a check reads, in the order of ids. Cursors, so that neither side is held in memory.
import { isCanonicalGuid, type Transaction } from '#libs/platform';
import { ORPHANED } from '../model/mapping.js';
import type { MappingEntry } from './mapping-history.js';

const FETCH_SIZE = 2_000;

/** Ids after `after`, up to `until`; without it, all after. Both are canonical GUIDs. */
export interface IdRange {
  readonly after: string;
  readonly until?: string;
}

/** The id of the last row of a slice that begins after `$1`; none when fewer than `$2` rows follow. */
export const SLICE_END = 'SELECT id FROM mapping WHERE id > $1 ORDER BY id OFFSET $2 LIMIT 1';

/** Entries that name a mapping and succeeded. Entries of refusals may name anything. */
const ACTIONS = [
  'identity.create',
  'identity.link',
  'identity.import',
  'identity.outcome-unknown',
  'identity.read',
  'identity.update',
  'identity.suspend',
  'identity.resume',
  'identity.delete',
  'token.issue',
  'token.reuse',
  'token.revoke',
];

/** Their details say nothing about the mapping. */
const READING_ACTIONS = ['identity.read', 'token.issue', 'token.reuse'];

/**
 * The columns equal the bytes of their entries, because the log has been verified in this snapshot.
 * OFFSET 0 lets the server parse each entry once, and sort what is left of it.
 *
 * @param undecodable indexes of entries whose bytes are no JSON: of them only the columns are read
 */
export const ENTRIES = (range?: IdRange, undecodable: readonly string[] = []): string => `
  SELECT identity_id AS "identityId", entry_index AS index, action, reason_code AS "reasonCode",
         extract(epoch FROM recorded_at) * 1000 AS "recordedAtMs",
         target, details, "nameHash", target_tenant AS tenant, target_subject AS subject,
         communication_user_id AS "communicationUserId",
         CASE WHEN "nameHash" IS NOT NULL THEN (
           SELECT salts FROM audit_personal p
           WHERE p.recorded_at = e.recorded_at AND p.entry_index = e.entry_index AND p.whose = 'target'
         ) END AS "nameSalts"
  FROM audit_entry e, LATERAL (
    SELECT entry -> 'target' AS target, entry -> 'personal' ->> 'targetDisplayName' AS "nameHash",
           CASE WHEN action NOT IN (${texts(READING_ACTIONS)}) THEN entry -> 'details' END AS details
    FROM (SELECT ${decoded(undecodable)} AS entry OFFSET 0) AS parsed OFFSET 0
  ) AS members
  WHERE ${ofMappings(range)}
  ORDER BY identity_id, entry_index`;

/** The bytes of the entries of a slice. */
export const LEAVES = (range: IdRange): string => `
  SELECT entry_index AS index, leaf FROM audit_entry WHERE ${ofMappings(range)}`;

function ofMappings(range?: IdRange): string {
  return `identity_id IS NOT NULL AND action IN (${texts(ACTIONS)})
    AND (outcome IN ('success', 'unknown') OR action = 'identity.create' AND reason_code = '${ORPHANED}')
    ${range ? `AND ${within('identity_id', range)}` : ''}`;
}

function decoded(undecodable: readonly string[]): string {
  const json = `convert_from(e.leaf, 'UTF8')::json`;
  if (undecodable.length === 0) return json;
  return `CASE WHEN entry_index <> ALL ('{${undecodable.map(BigInt).join(',')}}'::bigint[]) THEN ${json} END`;
}

/** A row of `ENTRIES`. Its JSON is as the bytes have it, also where they were edited. */
export interface StoredMappingEntry extends Omit<
  MappingEntry,
  'index' | 'recordedAtMs' | 'target' | 'details'
> {
  readonly index: string;
  readonly recordedAtMs: string;
  readonly target: unknown;
  readonly details: unknown;
  readonly tenant: string | null;
  readonly subject: string | null;
  readonly communicationUserId: string | null;
}

export const ROWS = (range?: IdRange): string => `
  SELECT id, resource, tenant, subject, kind, status, communication_user_id, display_name, version,
         token_generation, is_revoking, revoked_through,
         extract(epoch FROM tokens_since) * 1000 AS tokens_since_ms,
         lease_holder IS NOT NULL OR lease_expires_at IS NOT NULL AS is_leased,
         extract(epoch FROM created_at) * 1000 AS created_ms,
         extract(epoch FROM updated_at) * 1000 AS updated_ms,
         extract(epoch FROM deleted_at) * 1000 AS deleted_ms
  FROM mapping ${range ? `WHERE ${within('id', range)}` : ''} ORDER BY id`;

/** Groups of rows that a unique index would have refused. `$1`: how many groups */
export const DUPLICATES = (range?: IdRange): readonly DuplicateStatement[] => [
  {
    kind: 'person-mapped-twice',
    sql: duplicates('tenant, subject, resource', `status <> 'deleted'`, range),
  },
  {
    kind: 'identity-mapped-twice',
    sql: duplicates('communication_user_id', 'communication_user_id IS NOT NULL', range),
  },
];

interface DuplicateStatement {
  readonly kind: 'person-mapped-twice' | 'identity-mapped-twice';
  readonly sql: string;
}

/** A group of rows: how many, the first of their ids, and how many such groups there are. */
export interface DuplicateRow {
  readonly rows: string;
  readonly ids: readonly string[];
  readonly groups: string;
}

/** The rows of a statement, read through a cursor. */
export async function* rowsOf<Row>(
  transaction: Transaction,
  cursor: string,
  sql: string,
): AsyncGenerator<Row, undefined> {
  await transaction.query(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${sql}`);
  for (;;) {
    const rows = await transaction.query<Row[]>(`FETCH ${FETCH_SIZE} FROM ${cursor}`);
    yield* rows;
    if (rows.length < FETCH_SIZE) break;
  }
  await transaction.query(`CLOSE ${cursor}`);
  return undefined;
}

/** @param range only groups with a row in it, of which the first is the first id */
function duplicates(columns: string, condition: string, range?: IdRange): string {
  const isInRange = range ? within('id', range) : 'true';
  const members = `SELECT ${columns} FROM mapping WHERE ${condition} AND ${isInRange}`;
  return `
    SELECT count(*) AS rows, (array_agg(id::text ORDER BY (${isInRange}) DESC, id))[1:5] AS ids,
           count(*) OVER () AS groups
    FROM mapping WHERE ${condition} ${range ? `AND (${columns}) IN (${members})` : ''} GROUP BY ${columns} HAVING count(*) > 1 ORDER BY ids LIMIT $1`;
}

/** The ids are inlined, because a cursor takes no parameters: only GUIDs are. */
function within(column: 'id' | 'identity_id', { after, until }: IdRange): string {
  const bounds = [after, ...(until === undefined ? [] : [until])];
  if (!bounds.every(isCanonicalGuid)) throw new Error('a range of mappings is not of ids');
  const type = column === 'id' ? '::uuid' : '';
  return `${column} > '${after}'${type}${until === undefined ? '' : ` AND ${column} <= '${until}'${type}`}`;
}

function texts(values: readonly string[]): string {
  return values.map((value) => `'${value}'`).join(', ');
}
