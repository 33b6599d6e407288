import { Injectable } from '@nestjs/common';
import { type CanonicalName, ReadingDatabase } from '#libs/platform';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import { escapeControlCharacters } from '../entry/sanitize.js';
import type { AuditAction, AuditOutcome } from '../trail/audit-event.js';
import { EntryRepository, type EntryRow } from './entry-repository.js';

/** Conditions that found entries meet, all of them. */
export interface EntryFilter {
  /** Recorded at this time or later. */
  readonly from?: Date | undefined;
  /** Recorded before this time. */
  readonly to?: Date | undefined;
  readonly action?: AuditAction | undefined;
  readonly outcome?: AuditOutcome | undefined;
  readonly actorTenant?: CanonicalName | undefined;
  /** Subject of the caller, or name of the service or operator. */
  readonly actorSubject?: CanonicalName | undefined;
  readonly clientApp?: CanonicalName | undefined;
  readonly identityId?: CanonicalName | undefined;
  readonly communicationUserId?: CanonicalName | undefined;
  readonly targetSubject?: CanonicalName | undefined;
  readonly clientAddress?: string | undefined;
  readonly fingerprint?: string | undefined;
  readonly reasonCode?: string | undefined;
  /** Words, all of which the reason's code or text contains. */
  readonly reasonText?: string | undefined;
}

/** One page of a search. */
export interface EntryPage {
  readonly items: readonly AuditEntryRecord[];
  /** The `before` of the next page; absent on the last page. */
  readonly nextBefore?: number;
}

/** A search for entries, newest first. */
export interface EntryQuery extends EntryFilter {
  /** 1 to 1000. */
  readonly limit: number;
  /** Only entries with a smaller index: the `nextBefore` of the previous page. */
  readonly before?: number | undefined;
  /** Only entries whose actor or target is of this tenant. */
  readonly scopeTenant?: CanonicalName | undefined;
}

const COLUMN_OF_FILTER = {
  action: 'e.action',
  outcome: 'e.outcome',
  actorTenant: 'e.actor_tenant',
  clientApp: 'e.client_app',
  identityId: 'e.identity_id',
  communicationUserId: 'e.communication_user_id',
  fingerprint: 'e.token_fingerprint',
  reasonCode: 'e.reason_code',
} as const satisfies { [K in keyof EntryFilter]?: string };

/** Size of the canonical bytes on a page. A page of 1000 entries of usual length is smaller. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/** Pages of the newest reasons that are searched for words before the full-text index is used. */
const NEWEST_REASON_PAGES = 3;

type PlanNode = 'bitmapscan' | 'indexscan' | 'seqscan' | 'sort';

/** Searches entries by their columns. */
@Injectable()
export class EntrySearch {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly entries: EntryRepository,
  ) {}

  /**
   * A page of entries, newest first. The pages of a search neither overlap nor miss an entry that
   * existed when it began.
   */
  async find(query: EntryQuery): Promise<EntryPage> {
    const bounds = await this.#bounds(query);
    if (!bounds) return { items: [] };
    const found: EntryRow[] = [];
    for (const branch of branchesOf(query)) {
      found.push(...(await this.#select(query, bounds, branch)));
    }
    found.sort((a, b) => Number(b.entry_index) - Number(a.entry_index));
    const items = await this.entries.withPersonalValues(pageOf(found, query.limit));
    const last = items.at(-1);
    return found.length > items.length && last ? { items, nextBefore: last.index } : { items };
  }

  /** Converts a time window to a range of entry indexes, which every database index ends in. */
  async #bounds({ from, to, before }: EntryQuery): Promise<Bounds | undefined> {
    const first = from && (await this.entries.firstIndexSince(from));
    if (from && first === undefined) return undefined;
    const end = to && (await this.entries.firstIndexSince(to));
    const ends = [end, before].filter((index) => index !== undefined);
    const endIndex = ends.length === 0 ? undefined : Math.min(...ends);
    const latest =
      endIndex === undefined ? undefined : await this.entries.timeSpanOf(endIndex, endIndex);
    return { from, first, endIndex, latest: latest?.to };
  }

  async #select(query: EntryQuery, bounds: Bounds, branch: Branch): Promise<EntryRow[]> {
    const parts = partsOf(query, bounds, branch);
    if (query.clientAddress !== undefined) return this.#selectByAddress(parts, query.clientAddress);
    if (query.reasonText !== undefined) return this.#selectByReason(parts, query.limit);
    return this.database.query<EntryRow>(newestFirst(parts), parts.parameters);
  }

  /** Finds the address among the personal values, then the entries. */
  async #selectByAddress(parts: StatementParts, clientAddress: string): Promise<EntryRow[]> {
    const { conditions, range, limit, parameters, bind } = parts;
    const address = `client_address = ${bind(escapeControlCharacters(clientAddress))}`;
    const sql = `SELECT e.* FROM (
        SELECT recorded_at, entry_index FROM audit_personal e ${where([address, ...range])}
        ORDER BY entry_index DESC OFFSET 0
      ) p CROSS JOIN LATERAL (
        SELECT entry_index, recorded_at, leaf FROM audit_entry e
        ${where(['e.recorded_at = p.recorded_at', 'e.entry_index = p.entry_index', ...conditions])}
        OFFSET 0
      ) e ORDER BY p.entry_index DESC LIMIT ${limit}`;
    return this.#queryWithout(['bitmapscan', 'sort'], sql, parameters);
  }

  /** Searches the newest reasons for the words; uses the full-text index when they don't fill the page. */
  async #selectByReason(parts: StatementParts, pageSize: number): Promise<EntryRow[]> {
    const { conditions, range, limit, parameters } = parts;
    const newest = `SELECT ${ENTRY_ROW} FROM (
        SELECT * FROM audit_entry e ${where(['e.reason_code IS NOT NULL', ...range])}
        ORDER BY e.entry_index DESC LIMIT ${NEWEST_REASON_PAGES * pageSize}
      ) e ${where(conditions)} ORDER BY e.entry_index DESC LIMIT ${limit}`;
    const found = await this.database.query<EntryRow>(newest, parameters);
    if (found.length > pageSize) return found;
    return this.#queryWithout(['seqscan', 'indexscan'], newestFirst(parts), parameters);
  }

  /**
   * Runs a statement without some plan nodes and without parallel workers. PostgreSQL has no statistics
   * of words and addresses and would read all their rows, or all reasons, instead of the newest ones; to
   * start workers alone takes longer than the search.
   */
  async #queryWithout(
    avoided: readonly PlanNode[],
    sql: string,
    parameters: readonly unknown[],
  ): Promise<EntryRow[]> {
    return this.database.transaction(async (transaction) => {
      const settings = [
        `set_config('max_parallel_workers_per_gather', '0', true)`,
        ...avoided.map((node) => `set_config('enable_${node}', 'off', true)`),
      ];
      await transaction.query(`SELECT ${settings.join(', ')}`);
      return transaction.query<EntryRow[]>(sql, [...parameters]);
    });
  }
}

/** The first rows up to a number and to `MAX_PAGE_BYTES`, at least one. */
function pageOf(rows: readonly EntryRow[], limit: number): readonly EntryRow[] {
  let bytes = 0;
  const end = rows.findIndex(({ leaf }, nth) => {
    bytes += leaf.length;
    return nth === limit || (nth > 0 && bytes > MAX_PAGE_BYTES);
  });
  return end < 0 ? rows : rows.slice(0, end);
}

const ENTRY_ROW = 'e.entry_index, e.recorded_at, e.leaf';

/** The parts of a search's statement. */
interface StatementParts {
  readonly conditions: readonly string[];
  /** The conditions of the bounds. */
  readonly range: readonly string[];
  readonly limit: string;
  readonly parameters: readonly unknown[];
  /** Adds a parameter. @returns its placeholder */
  readonly bind: (value: unknown) => string;
}

function partsOf(query: EntryQuery, bounds: Bounds, branch: Branch): StatementParts {
  const parameters: unknown[] = [];
  const bind = (value: unknown): string => `$${parameters.push(value)}`;
  const { from, latest, first, endIndex } = bounds;
  const range = [
    from && `e.recorded_at >= ${bind(from.toISOString())}`,
    latest && `e.recorded_at <= ${bind(latest.toISOString())}`,
    first === undefined ? undefined : `e.entry_index >= ${bind(first)}`,
    endIndex === undefined ? undefined : `e.entry_index < ${bind(endIndex)}`,
  ].filter((condition) => condition !== undefined);
  const conditions = conditionsOf(query, branch, bind);
  const limit = bind(query.limit + 1); // one more shows whether there is a next page
  return { conditions, range, limit, parameters, bind };
}

function newestFirst({ conditions, range, limit }: StatementParts): string {
  // Both give the same order; each fits the database indexes of its case.
  const order =
    conditions.length > 0 ? 'e.entry_index DESC' : 'e.recorded_at DESC, e.entry_index DESC';
  return `SELECT ${ENTRY_ROW} FROM audit_entry e ${where([...conditions, ...range])}
    ORDER BY ${order} LIMIT ${limit}`;
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
}

function conditionsOf(
  query: EntryQuery,
  branch: Branch,
  bind: (value: unknown) => string,
): string[] {
  const conditions = branch.map(({ column, value }) =>
    value === undefined ? column : `${column} = ${bind(escapeControlCharacters(value))}`,
  );
  for (const [name, column] of Object.entries(COLUMN_OF_FILTER)) {
    const value = query[name as keyof typeof COLUMN_OF_FILTER]; // the keys are those of the object above
    if (value !== undefined) conditions.push(`${column} = ${bind(escapeControlCharacters(value))}`);
  }
  if (query.reasonText !== undefined) {
    const words = bind(escapeControlCharacters(query.reasonText));
    conditions.push(
      `e.reason_code IS NOT NULL AND to_tsvector('simple', e.reason_code || ' ' ||
       coalesce(e.reason_detail, '')) @@ plainto_tsquery('simple', ${words})`,
    );
  }
  return conditions;
}

/** Conditions: the column equals the value, or without a value, the column is a whole condition. */
type Branch = readonly { readonly column: string; readonly value?: string }[];

/**
 * Splits the conditions on actor, target and tenant into searches that use one database index each and
 * together find each entry once. A target is stored only where it differs from the actor.
 */
function branchesOf({ actorSubject, targetSubject, scopeTenant }: EntryQuery): Branch[] {
  const scopes: Branch[] =
    scopeTenant === undefined
      ? [[]]
      : ['e.actor_tenant', 'e.target_tenant'].map((column) => [{ column, value: scopeTenant }]);
  const subjects = subjectBranches(actorSubject, targetSubject);
  return scopes.flatMap((scope) => subjects.map((subject) => [...scope, ...subject]));
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

/** The range of indexes and times that a search reads. */
interface Bounds {
  readonly from: Date | undefined;
  readonly first: number | undefined;
  readonly endIndex: number | undefined;
  /** When the entry before `endIndex` was recorded. */
  readonly latest: Date | undefined;
}
