// The changes of a batch as steps of a flight: one for all changes of one name.
import type { ChangeValue, RowChange } from '../trail/transactional-write.js';
import type { Step, StepRows } from './flight.js';

/** The changes of one name. */
export interface ChangeGroup {
  readonly name: string;
  readonly text: string;
  /** By column. */
  readonly columns: readonly (readonly ChangeValue[])[];
  /** The place in the batch of each change, in the order of their ordinals. */
  readonly places: readonly number[];
}

/** @param writes of a batch, by their place; conditions come last */
export function groupChanges(writes: readonly (RowChange | undefined)[]): ChangeGroup[] {
  const groups = new Map<
    string,
    { first: RowChange; rows: RowChange['row'][]; places: number[] }
  >();
  writes.forEach((write, place) => {
    if (!write) return;
    const group = groups.get(write.name) ?? { first: write, rows: [], places: [] };
    groups.set(write.name, group);
    group.rows.push(write.row);
    group.places.push(place);
  });
  return [...groups.values()]
    .sort((a, b) => Number(a.first.isCondition ?? false) - Number(b.first.isCondition ?? false))
    .map(({ first: { name, text, row }, rows, places }) => ({
      name,
      text,
      columns: row.map((_, column) => rows.map((values) => values[column])),
      places,
    }));
}

/** Makes the changes; returns the ordinals of those that hold. */
export function verdictStep({ name, text, columns }: ChangeGroup): Step {
  return { name, text, parameters: columns.map(arrayLiteral) };
}

/** Makes the changes, or fails with AU002 unless all of them hold. */
export function expectingStep({ name, text, columns, places }: ChangeGroup): Step {
  return {
    name: `${name}_all`,
    text: `WITH held AS (${text}) SELECT audit_expect(count(*), $${columns.length + 1}) FROM held`,
    parameters: [...columns.map(arrayLiteral), String(places.length)],
  };
}

/** The places in the batch of the changes that do not hold. */
export function rejectedPlaces({ places }: ChangeGroup, rows: StepRows): number[] {
  const held = new Set(rows.map(([ordinal]) => Number(ordinal)));
  return places.filter((_, nth) => !held.has(nth + 1));
}

/** An array in PostgreSQL's text format, of any type that has no commas or braces of its own. */
function arrayLiteral(values: readonly ChangeValue[]): string {
  return `{${values.map(elementLiteral).join(',')}}`;
}

function elementLiteral(value: ChangeValue): string {
  if (value === null || value === undefined) return 'NULL';
  const text = value instanceof Date ? value.toISOString() : String(value);
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
