import { Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import { type AuditEntry, tryParseAuditEntry } from '../entry/audit-entry.js';
import { escapeControlCharacters } from '../entry/sanitize.js';
import { type EntryFilter, listOf } from './entry-filter.js';
import { facetIn } from './search-statement.js';

/** The values of an entry that are compared with each filter by a facet. */
const VALUES_OF_FILTER = {
  action: ({ action }) => [action],
  outcome: ({ outcome }) => [outcome],
  reasonCode: ({ reason }) => [reason?.code],
  actorKind: ({ actor }) => [actor.kind],
  isGuest: ({ actor }) => [actor.isGuest === undefined ? undefined : String(actor.isGuest)],
  rule: ({ policy }) => [policy?.rule],
  policyVersion: ({ policy }) => [policy?.version],
  secretVersion: ({ upstream }) => [upstream?.secretVersion],
  resource: ({ target }) => [target?.resource],
  scope: ({ token }) => token?.scopes ?? [],
} as const satisfies Partial<
  Record<keyof EntryFilter, (entry: AuditEntry) => readonly (string | undefined)[]>
>;

export type FacetName = keyof typeof VALUES_OF_FILTER;

/** Filters of which an ordinary column with its own index serves one value. */
const COLUMN_FILTERS: readonly FacetName[] = ['action', 'outcome', 'reasonCode'];

/** A combination of values that entries of the log have: `hash` is the facet of each of them. */
export interface Facet {
  readonly hash: string;
  /** One of the entries. Only the values of its facet stand for the others. */
  readonly sample: AuditEntry;
}

/** More combinations than a log has, unless somebody adds rows to it. Bounds the memory. */
const MAX_KNOWN = 20_000;

const FACET = facetIn('e');

/** Steps from each distinct value to the next one, each by one look into the index. */
const DISTINCT = `
  WITH RECURSIVE known (facet) AS (
    (SELECT ${FACET} FROM audit_entry e WHERE ${FACET} IS NOT NULL ORDER BY ${FACET} LIMIT 1)
    UNION ALL
    SELECT (SELECT ${FACET} FROM audit_entry e WHERE ${FACET} > known.facet
            ORDER BY ${FACET} LIMIT 1)
    FROM known WHERE known.facet IS NOT NULL
  )
  SELECT facet AS hash FROM known WHERE facet IS NOT NULL`;

const SAMPLES = `
  SELECT known.facet AS hash, leaf FROM unnest($1::text[]) AS known (facet) CROSS JOIN LATERAL (
    SELECT leaf FROM audit_entry e WHERE ${FACET} = known.facet LIMIT 1
  ) AS sample`;

/**
 * The combinations of those values of entries of which there are few: action, outcome, reason, kind of the
 * actor, rule, versions, resource and scopes. A log has tens or hundreds of them however many entries it has.
 */
@Injectable()
export class EntryFacets {
  readonly #samples = new Map<string, AuditEntry>();

  constructor(private readonly database: ReadingDatabase) {}

  /** Every combination that the log has now. */
  async all(): Promise<Facet[]> {
    const rows = await this.database.query<{ hash: string }>(DISTINCT);
    const hashes = rows.map(({ hash }) => hash);
    await this.#learn(hashes.filter((hash) => !this.#samples.has(hash)));
    return hashes.flatMap((hash) => {
      const sample = this.#samples.get(hash);
      return sample ? [{ hash, sample }] : [];
    });
  }

  /** The hashes of the combinations that a filter allows; `undefined` when it allows all. */
  async allowedBy(filter: EntryFilter): Promise<string[] | undefined> {
    if (!isByFacet(filter)) return undefined;
    const facets = await this.all();
    return facets.filter(({ sample }) => isAllowed(sample, filter)).map(({ hash }) => hash);
  }

  async #learn(hashes: readonly string[]): Promise<void> {
    if (hashes.length === 0) return;
    if (this.#samples.size + hashes.length > MAX_KNOWN) this.#samples.clear();
    const rows = await this.database.query<{ hash: string; leaf: Buffer }>(SAMPLES, [hashes]);
    for (const { hash, leaf } of rows) {
      const sample = tryParseAuditEntry(leaf);
      if (sample) this.#samples.set(hash, sample);
    }
  }
}

/** The values of one kind that an entry has. */
export function facetValues(name: FacetName, entry: AuditEntry): readonly (string | undefined)[] {
  return VALUES_OF_FILTER[name](entry);
}

/**
 * Whether a filter needs combinations: one action, outcome or reason has a column with an index. The index of
 * outcomes has no successes, because nearly all entries are.
 */
function isByFacet(filter: EntryFilter): boolean {
  if (listOf(filter.actionNot).length > 0) return true;
  return facetNames().some((name) => {
    const values = wanted(filter, name);
    const hasIndex =
      COLUMN_FILTERS.includes(name) && !(name === 'outcome' && values[0] === 'success');
    return values.length > 1 || (values.length === 1 && !hasIndex);
  });
}

function isAllowed(entry: AuditEntry, filter: EntryFilter): boolean {
  if (listOf(filter.actionNot).includes(entry.action)) return false;
  return facetNames().every((name) => {
    const values = wanted(filter, name);
    return values.length === 0 || facetValues(name, entry).some((one) => isOneOf(one, values));
  });
}

function isOneOf(value: string | undefined, values: readonly string[]): boolean {
  return value !== undefined && values.includes(value);
}

function wanted(filter: EntryFilter, name: FacetName): readonly string[] {
  const value = filter[name];
  return typeof value === 'boolean'
    ? [String(value)]
    : listOf<string>(value).map(escapeControlCharacters);
}

export function isFacetName(name: string): name is FacetName {
  return Object.hasOwn(VALUES_OF_FILTER, name);
}

function facetNames(): readonly FacetName[] {
  return Object.keys(VALUES_OF_FILTER) as FacetName[]; // the keys of the object above
}
