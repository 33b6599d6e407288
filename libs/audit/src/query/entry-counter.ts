import { Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import { EntryFacets, type FacetName, facetValues, isFacetName } from './entry-facets.js';
import type { EntryFilter } from './entry-filter.js';
import { EntryRepository } from './entry-repository.js';
import { branchesOf, facetIn, partsOf } from './search-statement.js';
import { bucketOf, type Buckets, type CountedValue } from './statistic-bucket.js';

/** The dimensions that have a column and more values than facets have. */
const COLUMNS = {
  actorTenant: 'e.actor_tenant',
  clientApp: 'e.client_app',
  targetTenant: 'coalesce(e.target_tenant, e.actor_tenant)',
} as const;

/** What entries can be counted by. */
export type CountedDimension = FacetName | keyof typeof COLUMNS;

/** Which entries to count, and how to group them. */
export interface CountedWindow extends Buckets {
  readonly to: Date;
  readonly filter: EntryFilter;
  readonly dimensions: readonly CountedDimension[];
}

/** The counts of a window, or of its beginning. */
export interface Counted {
  readonly counts: ReadonlyMap<CountedDimension, readonly CountedValue[]>;
  /**
   * All entries before this time were counted, and none from then on: the end of the window, unless time ran
   * out.
   */
  readonly through: Date;
}

/** Entries that the first statement reads. Later ones read more as long as they are fast. */
const FIRST_STEP = 20_000;
const FAST_MS = 100;
/** After this time no further statement is started. */
const BUDGET_MS = 4_000;

/** A range of indexes. */
interface Step {
  readonly first: number;
  readonly end: number;
}

/** The first index behind a step, and its time; without one, the end of the window. */
interface StepEnd {
  readonly index: number;
  readonly time?: Date;
}

interface CountRow {
  readonly start: Date;
  /** `facet`, or the name of a dimension with a column. */
  readonly kind: string;
  readonly value: string | null;
  readonly entries: string;
}

/**
 * Counts the entries that match a filter by reading them, in bounded steps from the beginning of the window,
 * as many as fit in a few seconds.
 */
@Injectable()
export class EntryCounter {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly entries: EntryRepository,
    private readonly facets: EntryFacets,
  ) {}

  async count(window: CountedWindow): Promise<Counted> {
    const allowed = await this.facets.allowedBy(window.filter);
    const size = ((await this.entries.newest())?.index ?? -1) + 1;
    const end = Math.min(size, (await this.entries.firstIndexSince(window.to)) ?? size);
    const startedAt = performance.now();
    const isInTime = (): boolean => performance.now() - startedAt < BUDGET_MS;
    const steps: CountRow[][] = [];
    let through = window.to;
    let next = (await this.entries.firstIndexSince(window.from)) ?? end;
    for (let step = FIRST_STEP; next < end && (steps.length === 0 || isInTime());) {
      const stepAt = performance.now();
      const until = await this.#endOfStep({ first: next, end: next + step }, end);
      steps.push(await this.#countStep(window, { first: next, end: until.index }, allowed));
      if (performance.now() - stepAt < FAST_MS) step *= 2;
      next = until.index;
      through = until.time ?? window.to;
    }
    return { counts: await this.#byDimension(steps.flat(), window.dimensions), through };
  }

  /** Where a step ends: at the first entry of a time, so that the time separates what is counted from the rest. */
  async #endOfStep({ first, end: wanted }: Step, end: number): Promise<StepEnd> {
    const time = wanted < end ? await this.entries.timeOf(wanted) : undefined;
    if (!time) return { index: end };
    const index = (await this.entries.firstIndexSince(time)) ?? end;
    if (index > first) return { index, time };
    // The step has entries of this time only.
    const later = new Date(time.getTime() + 1);
    const following = (await this.entries.firstIndexSince(later)) ?? end;
    return following < end ? { index: following, time: later } : { index: end };
  }

  async #countStep(
    window: CountedWindow,
    step: Step,
    allowed: readonly string[] | undefined,
  ): Promise<CountRow[]> {
    const span = await this.entries.timeSpanOf(step.first, step.end);
    const bounds = { ...step, earliest: span?.from, latest: span?.to };
    const kinds = kindsOf(window.dimensions).map(([kind, sql]) => `('${kind}', ${sql})`);
    const found: CountRow[][] = [];
    for (const branch of branchesOf({ ...window.filter, limit: 1 })) {
      const { range, conditions, parameters } = partsOf(
        { ...window.filter, limit: 1 },
        bounds,
        branch,
        allowed,
      );
      found.push(
        await this.database.query<CountRow>(
          `SELECT ${bucketOf(window, 'e.recorded_at')} AS start, d.kind, d.value, count(*) AS entries
           FROM audit_entry e CROSS JOIN LATERAL (VALUES ${kinds.join(', ')}) AS d (kind, value)
           WHERE ${[...range, ...conditions].join(' AND ')} GROUP BY 1, 2, 3`,
          parameters,
        ),
      );
    }
    return found.flat();
  }

  /** Replaces facets by the values that they stand for, and adds up. */
  async #byDimension(
    rows: readonly CountRow[],
    dimensions: readonly CountedDimension[],
  ): Promise<Map<CountedDimension, CountedValue[]>> {
    // After the counting, so that facets of the newest entries are known.
    const samples = new Map((await this.facets.all()).map(({ hash, sample }) => [hash, sample]));
    return new Map(
      dimensions.map((dimension) => {
        const kind = isFacetName(dimension) ? 'facet' : dimension;
        const values = rows
          .filter((row) => row.kind === kind)
          .flatMap(({ start: bucketStart, value, entries }) => {
            const sample = samples.get(value ?? '');
            const found = isFacetName(dimension)
              ? sample && facetValues(dimension, sample)
              : [value ?? undefined];
            const texts = found?.length ? found : [undefined];
            return texts.map((text) => ({ bucketStart, value: text, entries: Number(entries) }));
          });
        return [dimension, added(values)] as const;
      }),
    );
  }
}

/** What a statement counts by: facets once for all of their dimensions. */
function kindsOf(dimensions: readonly CountedDimension[]): (readonly [string, string])[] {
  const columns = dimensions.flatMap((dimension) =>
    isFacetName(dimension) ? [] : [[dimension, COLUMNS[dimension]] as const],
  );
  return dimensions.some(isFacetName) ? [...columns, ['facet', facetIn('e')]] : columns;
}

/** One count for each bucket and value, in the order of time, the largest counts first. */
function added(values: readonly CountedValue[]): CountedValue[] {
  const groups = Map.groupBy(values, ({ bucketStart, value }) =>
    JSON.stringify([bucketStart, value ?? null]),
  );
  return [...groups.values()]
    .flatMap(([first, ...others]) =>
      first
        ? [{ ...first, entries: others.reduce((sum, { entries }) => sum + entries, first.entries) }]
        : [],
    )
    .sort((a, b) => +a.bucketStart - +b.bucketStart || b.entries - a.entries);
}
