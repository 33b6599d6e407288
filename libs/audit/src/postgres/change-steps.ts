// The changes of a batch as steps of a flight: one for all changes of one name.
import type { ChangeValue, RowChange } from '../trail/transactional-write.js';
import type { Step, StepRows } from './flight.js';

/** The changes of one name. */
export interface ChangeGroup {
  readonly name: string;
  readonly text: string;
  readonly kind: ChangeKind;
  /** By column. */
  readonly columns: readonly (readonly ChangeValue[])[];
  /** The place in the batch of the record of each change, in the order of their ordinals. */
  readonly places: readonly number[];
}

/** In the order in which they are made. */
const CHANGE_KINDS = ['required', 'optional', 'condition'] as const;
type ChangeKind = (typeof CHANGE_KINDS)[number];

/** @param changes of each record of a batch, by its place */
export function groupChanges(changes: readonly (readonly RowChange[])[]): ChangeGroup[] {
  const groups = new Map<
    string,
    { first: RowChange; rows: RowChange['row'][]; places: number[] }
  >();
  changes.forEach((ofRecord, place) => {
    for (const change of ofRecord) {
      const group = groups.get(change.name) ?? { first: change, rows: [], places: [] };
      groups.set(change.name, group);
      group.rows.push(change.row);
      group.places.push(place);
    }
  });
  return [...groups.values()]
    .map(({ first, rows, places }) => ({
      name: first.name,
      text: first.text,
      kind: kindOf(first),
      columns: first.row.map((_, column) => rows.map((values) => values[column])),
      places,
    }))
    .sort((a, b) => CHANGE_KINDS.indexOf(a.kind) - CHANGE_KINDS.indexOf(b.kind));
}

function kindOf({ isCondition, isOptional }: RowChange): ChangeKind {
  if (isCondition === true) return 'condition';
  return isOptional === true ? 'optional' : 'required';
}

/** Makes the changes; returns the ordinals of those that hold. */
export function verdictStep({ name, text, columns }: ChangeGroup): Step {
  return { name, text, parameters: columns.map(arrayLiteral) };
}

/** Makes the changes, or fails with AU002 unless all of them hold. */
export function expectingStep(group: ChangeGroup): Step {
  if (group.kind === 'optional') return verdictStep(group);
  const { name, text, columns, places } = group;
  return {
    name: `${name}_all`,
    text: `WITH held AS (${text}) SELECT audit_expect(count(*), $${columns.length + 1}) FROM held`,
    parameters: [...columns.map(arrayLiteral), String(places.length)],
  };
}

/** What the changes of a batch came to, from the rows of their steps. */
export class ChangeVerdicts {
  readonly #rejectedNames = new Map<number, Set<string>>();
  readonly #changed = new Set<number>();

  /** @param rows of the step of each group */
  addAll(groups: readonly ChangeGroup[], rows: readonly StepRows[]): void {
    groups.forEach((group, nth) => {
      this.#add(group, rows[nth] ?? []);
    });
  }

  isRejected(place: number): boolean {
    return this.#rejectedNames.has(place);
  }

  /** Whether a change of a rejected record was made, which has to be undone. */
  get isAnyHalfMade(): boolean {
    return [...this.#rejectedNames.keys()].some((place) => this.#changed.has(place));
  }

  /** The error of each rejected record, by its place. */
  rejections(changes: readonly (readonly RowChange[])[]): Map<number, Error | undefined> {
    return new Map(
      [...this.#rejectedNames].map(([place, names]) => [
        place,
        changes[place]?.find(({ name }) => names.has(name))?.reject(),
      ]),
    );
  }

  #add({ name, kind, places }: ChangeGroup, rows: StepRows): void {
    const held = new Set(rows.map(([ordinal]) => Number(ordinal)));
    places.forEach((place, nth) => {
      if (held.has(nth + 1)) {
        if (kind !== 'condition') this.#changed.add(place);
      } else if (kind !== 'optional') {
        const names = this.#rejectedNames.get(place) ?? new Set();
        this.#rejectedNames.set(place, names.add(name));
      }
    });
  }
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
