import { Inject, Injectable } from '@nestjs/common';
import { Database } from '#libs/platform';
import type { AuditAction, AuditOutcome } from '../trail/audit-event.js';
import { type EntryRow, EntryRepository } from './entry-repository.js';
import { asRecorded } from '../entry/encode-entry.js';
import type { AuditEntryRecord } from '../entry/audit-entry.js';

/** What entries must meet, all of it. */
export interface EntryFilter {
  /** Recorded at this time or later. */
  readonly from?: Date | undefined;
  /** Recorded before this time. */
  readonly to?: Date | undefined;
  readonly action?: AuditAction | undefined;
  readonly outcome?: AuditOutcome | undefined;
  readonly actorTenant?: string | undefined;
  /** Subject of the caller, or name of the service or operator. */
  readonly actorSubject?: string | undefined;
  readonly clientApp?: string | undefined;
  readonly identityId?: string | undefined;
  readonly communicationUserId?: string | undefined;
  readonly targetSubject?: string | undefined;
  readonly clientAddress?: string | undefined;
  readonly fingerprint?: string | undefined;
  readonly reasonCode?: string | undefined;
  /** Words that the reason has, its code or its text. */
  readonly reasonText?: string | undefined;
}

/** One page of a search. */
export interface EntryPage {
  readonly items: readonly AuditEntryRecord[];
  /** The index to go on before; absent on the last page. */
  readonly nextBefore?: number;
}

/** A search for entries, newest first. */
export interface EntryQuery extends EntryFilter {
  /** 1 to 1000. */
  readonly limit: number;
  /** Only entries with a smaller index: the `nextBefore` of the page before. */
  readonly before?: number | undefined;
  /** Only entries that this tenant's people did or that were done to them. */
  readonly scopeTenant?: string | undefined;
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

/** Searches the log. */
@Injectable()
export class EntrySearch {
  constructor(
    private readonly database: Database,
    @Inject(EntryRepository) private readonly entries: EntryRepository,
  ) {}

  /**
   * A page of entries, newest first. Pages of one search neither overlap nor miss an entry that was
   * there when it began.
   */
  async find(query: EntryQuery): Promise<EntryPage> {
    const bounds = await this.#bounds(query);
    if (!bounds) return { items: [] };
    const found: EntryRow[] = [];
    for (const branch of branchesOf(query)) {
      found.push(...(await this.#select(query, bounds, branch)));
    }
    found.sort((a, b) => Number(b.entry_index) - Number(a.entry_index));
    const items = await this.entries.withPersonalValues(found.slice(0, query.limit));
    const last = items.at(-1);
    return found.length > query.limit && last ? { items, nextBefore: last.index } : { items };
  }

  /** A time window is a run of indexes, which every index of the table can walk in order. */
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
    const parameters: unknown[] = [];
    const bind = (value: unknown): string => `$${parameters.push(value)}`;
    const run = (bounds.from ? [`e.recorded_at >= ${bind(bounds.from.toISOString())}`] : []).concat(
      bounds.latest ? [`e.recorded_at <= ${bind(bounds.latest.toISOString())}`] : [],
      bounds.first === undefined ? [] : [`e.entry_index >= ${bind(bounds.first)}`],
      bounds.endIndex === undefined ? [] : [`e.entry_index < ${bind(bounds.endIndex)}`],
    );
    const wanted = conditionsOf(query, branch, bind);
    const limit = bind(query.limit + 1);
    if (query.clientAddress !== undefined) {
      const address = `client_address = ${bind(asRecorded(query.clientAddress))}`;
      const sql = `SELECT e.* FROM (
          SELECT recorded_at, entry_index FROM audit_personal e ${where([address, ...run])}
          ORDER BY entry_index DESC OFFSET 0
        ) p CROSS JOIN LATERAL (
          SELECT entry_index, recorded_at, leaf FROM audit_entry e
          ${where(['e.recorded_at = p.recorded_at', 'e.entry_index = p.entry_index', ...wanted])}
          OFFSET 0
        ) e ORDER BY p.entry_index DESC LIMIT ${limit}`;
      return this.#queryWithout(['bitmapscan', 'sort'], sql, parameters);
    }
    const columns = 'e.entry_index, e.recorded_at, e.leaf';
    if (query.reasonText !== undefined) {
      const newest = `SELECT ${columns} FROM (
          SELECT * FROM audit_entry e ${where(['e.reason_code IS NOT NULL', ...run])}
          ORDER BY e.entry_index DESC LIMIT ${NEWEST_REASON_PAGES * query.limit}
        ) e ${where(wanted)} ORDER BY e.entry_index DESC LIMIT ${limit}`;
      const found = await this.database.query<EntryRow>(newest, parameters);
      if (found.length > query.limit) return found;
    }
    // Both orders are the same; each fits the indexes of its case.
    const order =
      wanted.length > 0 ? 'e.entry_index DESC' : 'e.recorded_at DESC, e.entry_index DESC';
    const sql = `SELECT ${columns} FROM audit_entry e ${where([...wanted, ...run])}
       ORDER BY ${order} LIMIT ${limit}`;
    const others = query.reasonText === undefined ? [] : ['seqscan', 'indexscan'];
    return this.#queryWithout(others, sql, parameters);
  }

  /**
   * Runs a statement without some ways to do it. PostgreSQL can't know how often a word or an address
   * occurs, and would rather read all that has it, or all reasons there are, than the newest; it would
   * even start other processes for that, which alone takes longer than the search.
   */
  async #queryWithout(
    ways: readonly string[],
    sql: string,
    parameters: readonly unknown[],
  ): Promise<EntryRow[]> {
    if (ways.length === 0) return this.database.query<EntryRow>(sql, parameters);
    return this.database.transaction(async (transaction) => {
      const settings = [
        `set_config('max_parallel_workers_per_gather', '0', true)`,
        ...ways.map((way) => `set_config('enable_${way}', 'off', true)`),
      ];
      await transaction.query(`SELECT ${settings.join(', ')}`);
      return transaction.query<EntryRow[]>(sql, [...parameters]);
    });
  }
}

/** So many pages of the newest reasons are read word by word, before the index of words is asked. */
const NEWEST_REASON_PAGES = 3;

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
}

function conditionsOf(
  query: EntryQuery,
  branch: Branch,
  bind: (value: unknown) => string,
): string[] {
  const conditions = branch.map(({ column, value }) =>
    value === undefined ? column : `${column} = ${bind(asRecorded(value))}`,
  );
  for (const [name, column] of Object.entries(COLUMN_OF_FILTER)) {
    const value = query[name as keyof typeof COLUMN_OF_FILTER]; // the keys are those of the object above
    if (value !== undefined) conditions.push(`${column} = ${bind(asRecorded(value))}`);
  }
  if (query.reasonText !== undefined) {
    const words = bind(asRecorded(query.reasonText));
    conditions.push(
      `e.reason_code IS NOT NULL AND to_tsvector('simple', e.reason_code || ' ' ||
       coalesce(e.reason_detail, '')) @@ plainto_tsquery('simple', ${words})`,
    );
  }
  return conditions;
}

/** Conditions: that a column has a value, or a whole condition when there is no value. */
type Branch = readonly { readonly column: string; readonly value?: string }[];

/**
 * Searches that find together, each entry once, what a tenant may see and who did it or had it done.
 * An entry's target is only stored where it isn't the actor, so that each of them fits one index.
 */
function branchesOf({ actorSubject, targetSubject, scopeTenant }: EntryQuery): Branch[] {
  const scopes: Branch[] =
    scopeTenant === undefined
      ? [[]]
      : ['e.actor_tenant', 'e.target_tenant'].map((column) => [{ column, value: scopeTenant }]);
  const subjects = subjectBranches(actorSubject, targetSubject);
  return scopes.flatMap((scope) => subjects.map((subject) => [...scope, ...subject]));
}

const onItself = { column: 'e.target_subject IS NULL' };
const onOthers = { column: 'e.target_subject IS NOT NULL' };

function subjectBranches(actor: string | undefined, target: string | undefined): Branch[] {
  const by = (value: string): Branch[number] => ({ column: 'e.actor_subject', value });
  const on = (value: string): Branch[number] => ({ column: 'e.target_subject', value });
  if (actor === undefined && target === undefined) return [[]];
  if (target === undefined) {
    return actor === undefined ? [] : [onItself, onOthers].map((where) => [by(actor), where]);
  }
  if (actor === undefined) return [[by(target), onItself], [on(target)]];
  const onOther: Branch = [by(actor), on(target)];
  return actor === target ? [[by(actor), onItself], onOther] : [onOther];
}

interface Bounds {
  readonly from: Date | undefined;
  readonly first: number | undefined;
  readonly endIndex: number | undefined;
  readonly latest: Date | undefined;
}
