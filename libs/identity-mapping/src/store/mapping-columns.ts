import { getMetadataArgsStorage } from 'typeorm';
import type { Mapping } from '../model/mapping.js';
import { AWAITS_REVOCATION } from '../mass-revocation/revocation-conditions.js';
import { MappingEntity } from './mapping.entity.js';

/** The columns of a row that a `Mapping` has. */
type MappingValues = Omit<
  MappingEntity,
  'leaseHolder' | 'leaseExpiresAt' | 'revokedThrough' | 'tokensSince' | 'isAdditional'
>;

/** A row as `SELECT_LIST` selects it. */
export type MappingRow = MappingValues & { readonly awaitsRevocation: boolean };

interface MappingColumn {
  readonly property: keyof MappingValues;
  /** In the table. */
  readonly name: string;
  /** PostgreSQL type. */
  readonly type: string;
  readonly isMutable: boolean;
}

/** The columns of a `Mapping`, derived from `MappingEntity`. */
export const MAPPING_COLUMNS: readonly MappingColumn[] = getMetadataArgsStorage()
  .filterColumns(MappingEntity)
  .filter(({ options }) => options.select !== false)
  .map(({ propertyName, options }) => ({
    property: propertyName as keyof MappingValues, // the others have `select: false`
    name: options.name ?? propertyName,
    type: String(options.type),
    isMutable: options.primary !== true && options.update !== false,
  }));

export const MUTABLE_COLUMNS: readonly MappingColumn[] = MAPPING_COLUMNS.filter(
  ({ isMutable }) => isMutable,
);

export const SELECT_LIST: string = [
  ...MAPPING_COLUMNS.map(({ name, property }) => `mapping.${name} AS "${property}"`),
  `${AWAITS_REVOCATION} AS "awaitsRevocation"`,
].join(', ');

type WithoutNulls<T> = {
  [K in keyof T]: null extends T[K] ? Exclude<T[K], null> | undefined : T[K];
};

/** `MappingEntity` has a column for every member of `Mapping`, or this does not compile. */
export function toMapping(row: MappingRow): Mapping {
  const entries = MAPPING_COLUMNS.map(({ property }) => [property, row[property] ?? undefined]);
  const values = Object.fromEntries(entries) as WithoutNulls<MappingValues>; // the columns are its keys
  return { ...values, awaitsRevocation: row.awaitsRevocation };
}
