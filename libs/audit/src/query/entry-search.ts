import { Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import { escapeControlCharacters } from '../entry/sanitize.js';
import { AddressRangeTooWide } from '../errors.js';
import { AddressRange } from './address-range.js';
import { EntryFacets } from './entry-facets.js';
import type { EntryPage, EntryQuery } from './entry-filter.js';
import { firstOf, toPage } from './entry-page.js';
import { EntryRepository, type EntryRow, type NewestEntry } from './entry-repository.js';
import {
  amongFirstReasons,
  type Bounds,
  type Branch,
  branchesOf,
  byPersonalValue,
  distinctAddresses,
  facetIn,
  headOfEachKey,
  idsOf,
  inOrder,
  ofEachKey,
  partsOf,
  type StatementParts,
} from './search-statement.js';

/** Different addresses that a range may have. */
const MAX_ADDRESSES = 4096;

/** Keys whose entries one statement merges. */
const KEYS_PER_STATEMENT = 64;

type PlanNode = 'bitmapscan' | 'incremental_sort' | 'indexscan' | 'seqscan' | 'sort';

/** Plan nodes that would read all entries of a key instead of the first ones. */
const UNORDERED: readonly PlanNode[] = ['bitmapscan', 'incremental_sort', 'seqscan', 'sort'];

/** A filter of several keys: entries have one of them, and each key has its entries in the order of a database index. */
interface Keys {
  readonly values: readonly string[];
  readonly table: 'audit_entry' | 'audit_personal';
  /** On `e`, the table above. */
  readonly condition: string;
}

/** One of the parts of a search. */
interface Selection {
  readonly bounds: Bounds;
  readonly branch: Branch;
  /** The facets that are a condition. */
  readonly facets: readonly string[] | undefined;
  readonly keys: Keys | undefined;
}

/** A facet includes these columns, so that no other index is chosen for them. */
const NO_FACET_COLUMNS = { action: undefined, outcome: undefined, reasonCode: undefined };

/** Searches entries. Each filter has a database index of its own in the order of entries. */
@Injectable()
export class EntrySearch {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly entries: EntryRepository,
    private readonly facets: EntryFacets,
  ) {}

  /**
   * A page of entries. The pages of a search neither overlap nor miss an entry that existed when it
   * began.
   *
   * @throws AddressRangeTooWide
   */
  async find(query: EntryQuery): Promise<EntryPage> {
    const head = await this.entries.newest();
    if (!head) return { items: [], isComplete: true };
    const bounds = await this.#bounds(query, head);
    const rows = bounds ? await this.#rows(query, bounds) : [];
    const page = firstOf(rows, query.limit);
    const items = await this.entries.withPersonalValues(page);
    return toPage(query, { items, isComplete: rows.length === page.length, bounds, head });
  }

  /** Converts a time window to a range of entry indexes. @returns `undefined` when it has no entry */
  async #bounds(query: EntryQuery, head: NewestEntry): Promise<Bounds | undefined> {
    const { from, to, before, after } = query;
    const size = head.index + 1;
    const since = from && (await this.entries.firstIndexSince(from));
    if (from && since === undefined) return undefined;
    const until = to && (await this.entries.firstIndexSince(to));
    const end = Math.min(...[until, before, size].filter((index) => index !== undefined));
    const starts = [since, after === undefined ? undefined : after + 1];
    const first = Math.max(0, ...starts.filter((index) => index !== undefined));
    if (first >= end) return undefined;
    if (first === 0 && end === size) return { end, latest: head.recordedAt };
    const span = await this.entries.timeSpanOf(first, end);
    return { ...(first > 0 && { first, earliest: span?.from }), end, latest: span?.to };
  }

  /** The entries of a page and one more, if there is one, in order. */
  async #rows(query: EntryQuery, bounds: Bounds): Promise<EntryRow[]> {
    const allowed = await this.facets.allowedBy(query);
    const keys = await this.#keys(query, allowed);
    if (allowed?.length === 0 || keys?.values.length === 0) return [];
    const facets = keys?.table === 'audit_entry' ? undefined : allowed;
    const rest = allowed ? { ...query, ...NO_FACET_COLUMNS } : query;
    const found: EntryRow[] = [];
    for (const branch of visibleBranches(query)) {
      found.push(...(await this.#select(rest, { bounds, branch, facets, keys })));
    }
    const sign = query.order === 'ascending' ? 1 : -1;
    found.sort((a, b) => sign * (Number(a.entry_index) - Number(b.entry_index)));
    return found.filter((row, nth) => !isSame(row, found[nth - 1]));
  }

  /** The keys that the search is led by; `undefined` when a column's index leads it. */
  async #keys(query: EntryQuery, facets: readonly string[] | undefined): Promise<Keys | undefined> {
    const addresses = await this.#addresses(query);
    if (addresses) {
      return {
        values: addresses.map(escapeControlCharacters),
        table: 'audit_personal',
        condition: 'e.client_address = k.key',
      };
    }
    if (!facets || isLedByColumn(query)) return undefined;
    return {
      values: facets,
      table: 'audit_entry',
      condition: `${facetIn('e')} = k.key`,
    };
  }

  async #addresses({ clientAddress, address }: EntryQuery): Promise<string[] | undefined> {
    const range = address === undefined ? undefined : AddressRange.parse(address);
    if (clientAddress !== undefined) {
      return range && !range.contains(clientAddress) ? [] : [clientAddress];
    }
    if (!range) return address === undefined ? undefined : [];
    const texts = range.textRanges();
    const rows = await this.database.query<{ address: string }>(
      distinctAddresses('$1', '$2', MAX_ADDRESSES + 1),
      [texts.map(({ low }) => low), texts.map(({ high }) => high)],
    );
    if (rows.length > MAX_ADDRESSES) throw new AddressRangeTooWide();
    return rows.map(({ address: known }) => known).filter((known) => range.contains(known));
  }

  async #select(
    query: EntryQuery,
    { bounds, branch, facets, keys }: Selection,
  ): Promise<EntryRow[]> {
    const parts = (): StatementParts => partsOf(query, bounds, branch, facets);
    if (keys) return this.#selectByKeys(parts, { query, bounds, keys });
    const own = parts();
    if (query.displayName !== undefined) {
      const name = `display_name = ${own.bind(escapeControlCharacters(query.displayName))}`;
      // Actor and target of an entry may both have the name.
      const sql = byPersonalValue({ ...own, limit: 2 * own.limit }, name);
      return this.#queryWithout(UNORDERED, sql, own.parameters);
    }
    if (idsOf(query).length > 0) {
      return this.#queryWithout(['seqscan', 'indexscan'], inOrder(own), own.parameters);
    }
    if (query.reasonText !== undefined) return this.#selectByReason(own, query.limit);
    return this.database.query<EntryRow>(inOrder(own), own.parameters);
  }

  /** Merges the entries of the keys. Of many keys, those whose first entry comes first are read first. */
  async #selectByKeys(
    parts: () => StatementParts,
    { query, bounds, keys }: Pick<Selection, 'bounds'> & { query: EntryQuery; keys: Keys },
  ): Promise<EntryRow[]> {
    const { limit, order } = query;
    const range = partsOf({ limit, order }, bounds, [], undefined);
    const sign = order === 'ascending' ? 1 : -1;
    const ordered = await this.#heads(range, keys);
    let found: EntryRow[] = [];
    for (let done = 0; done < ordered.length; done += KEYS_PER_STATEMENT) {
      const last = found[limit];
      const next = ordered[done]?.head;
      if (last && next !== undefined && sign * (next - Number(last.entry_index)) > 0) break;
      const some = ordered.slice(done, done + KEYS_PER_STATEMENT).map(({ key }) => key);
      found.push(...(await this.#entriesOf(parts(), query, { ...keys, values: some })));
      found.sort((a, b) => sign * (Number(a.entry_index) - Number(b.entry_index)));
      found = found.slice(0, limit + 1);
    }
    return found;
  }

  /** The keys in the order of their first entries; unordered when one statement can merge them all. */
  async #heads(
    range: StatementParts,
    keys: Keys,
  ): Promise<{ readonly key: string; readonly head?: number }[]> {
    if (keys.values.length <= KEYS_PER_STATEMENT) return keys.values.map((key) => ({ key }));
    const values = `${range.bind(keys.values)}::text[]`;
    const sql = headOfEachKey(range, { ...keys, keys: values });
    const rows = await this.#queryWithout<{ key: string; head: string }>(
      UNORDERED,
      sql,
      range.parameters,
    );
    return rows.map(({ key, head }) => ({ key, head: Number(head) }));
  }

  async #entriesOf(
    parts: StatementParts,
    { displayName }: EntryQuery,
    keys: Keys,
  ): Promise<EntryRow[]> {
    const isPersonal = keys.table === 'audit_personal';
    const conditions =
      displayName === undefined
        ? parts.conditions
        : [...parts.conditions, hasName(parts, displayName)];
    const all = { ...parts, conditions };
    const ofOne = isPersonal
      ? byPersonalValue(all, keys.condition)
      : inOrder({ ...all, conditions: [keys.condition, ...conditions], isSelective: true });
    const values = `${parts.bind(keys.values)}::text[]`;
    return this.#queryWithout(UNORDERED, ofEachKey(parts, values, ofOne), parts.parameters);
  }

  /** Searches the first reasons for the words; uses the full-text index when they don't fill the page. */
  async #selectByReason(parts: StatementParts, pageSize: number): Promise<EntryRow[]> {
    const found = await this.database.query<EntryRow>(
      amongFirstReasons(parts, pageSize),
      parts.parameters,
    );
    if (found.length > pageSize) return found;
    return this.#queryWithout(['seqscan', 'indexscan'], inOrder(parts), parts.parameters);
  }

  /**
   * Runs a statement without some plan nodes and without parallel workers. PostgreSQL has no statistics
   * of words, addresses and keys and would read all their rows instead of the first ones; to start workers
   * alone takes longer than the search.
   */
  async #queryWithout<Row = EntryRow>(
    avoided: readonly PlanNode[],
    sql: string,
    parameters: readonly unknown[],
  ): Promise<Row[]> {
    return this.database.transaction(async (transaction) => {
      const settings = [
        `set_config('max_parallel_workers_per_gather', '0', true)`,
        ...avoided.map((node) => `set_config('enable_${node}', 'off', true)`),
      ];
      await transaction.query(`SELECT ${settings.join(', ')}`);
      return transaction.query<Row[]>(sql, [...parameters]);
    });
  }
}

/** A row that was added with the index of an entry is another one. */
function isSame(row: EntryRow, other: EntryRow | undefined): boolean {
  return row.entry_index === other?.entry_index && row.at === other.at;
}

/** Whether the query has a filter whose column leads to fewer entries than a facet. */
function isLedByColumn(query: EntryQuery): boolean {
  const { actorTenant, clientApp, actorSubject, targetSubject, targetTenant, scopeTenant } = query;
  const { identityId, communicationUserId, fingerprint, reasonText, displayName } = query;
  return [
    ...[actorTenant, clientApp, actorSubject, targetSubject, targetTenant, scopeTenant],
    ...[identityId, communicationUserId, fingerprint, reasonText, displayName],
    ...idsOf(query),
  ].some((value) => value !== undefined);
}

/**
 * Auditors of one tenant see no personal values of others who acted on it, and must not find them by such
 * values either.
 */
function visibleBranches(query: EntryQuery): readonly Branch[] {
  const { scopeTenant, clientAddress, address, displayName } = query;
  const isByAddress = clientAddress !== undefined || address !== undefined;
  const branches = branchesOf(query);
  if (scopeTenant === undefined) return branches;
  if (isByAddress) return branches.filter(([scope]) => scope?.column === 'e.actor_tenant');
  if (displayName === undefined) return branches;
  return branches.map(([scope, ...rest]) =>
    scope?.column === 'e.target_tenant'
      ? [scope, { column: `p.whose = 'target'` }, ...rest]
      : [...(scope ? [scope] : []), ...rest],
  );
}

/** A condition on `e`. */
function hasName(parts: StatementParts, displayName: string): string {
  return `EXISTS (SELECT FROM audit_personal n WHERE n.recorded_at = e.recorded_at
    AND n.entry_index = e.entry_index
    AND n.display_name = ${parts.bind(escapeControlCharacters(displayName))})`;
}
