import { type Column, type ColumnName, COLUMNS } from './columns.js';

/** A column that a person chose. */
export interface OwnColumn {
  readonly name: ColumnName;
  /** One of `WIDTHS`, in pixels. Absent: as wide as in the other sets. */
  readonly width?: number;
}

export const COLUMN_NAMES = Object.keys(COLUMNS) as readonly ColumnName[]; // its own

export const WIDTHS: readonly number[] = [40, 60, 80, 120, 160, 200, 240, 320, 480, 640];

/** Those of Triage. */
export const DEFAULT_OWN_COLUMNS: readonly OwnColumn[] = (
  ['time', 'outcome', 'what', 'who', 'app', 'address'] as const
).map((name) => ({ name }));

/**
 * The columns that a browser kept. What is no column, no width or a column for the second time is left out: the
 * person, or another release, may have changed it.
 *
 * @returns the default when nothing is left
 */
export function readOwnColumns(kept: unknown): readonly OwnColumn[] {
  const read = new Map<ColumnName, OwnColumn>();
  for (const value of Array.isArray(kept) ? (kept as readonly unknown[]) : []) {
    const { name, width } = Object(value) as Partial<Record<keyof OwnColumn, unknown>>; // checked below
    if (!isColumn(name) || read.has(name)) continue;
    read.set(name, { name, ...(isWidth(width) && { width }) });
  }
  return read.size === 0 ? DEFAULT_OWN_COLUMNS : [...read.values()];
}

/** The columns of the list. One with a width has exactly that. */
export function columnsOf(own: readonly OwnColumn[]): readonly Column[] {
  return own.map(({ name, width }): Column => {
    const column: Column = COLUMNS[name];
    return width === undefined ? column : { ...column, width, maxWidth: `${width}px` };
  });
}

/** The same columns with one of them moved. @param by places towards the end */
export function moveColumn(
  own: readonly OwnColumn[],
  from: number,
  by: number,
): readonly OwnColumn[] {
  const moved = own.slice(from, from + 1);
  return own.toSpliced(from, 1).toSpliced(from + by, 0, ...moved);
}

function isColumn(name: unknown): name is ColumnName {
  return typeof name === 'string' && Object.hasOwn(COLUMNS, name);
}

function isWidth(width: unknown): width is number {
  return (WIDTHS as readonly unknown[]).includes(width);
}
