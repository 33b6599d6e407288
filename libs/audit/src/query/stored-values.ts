import type { AuditEntryRecord, PersonalHashes } from '../entry/audit-entry.js';
import {
  hashNameOf,
  hasAllSalts,
  PERSONAL_FIELDS,
  personalHashes,
  type PersonalValues,
} from '../entry/personal-values.js';

/** A row of `audit_personal`, joined to its entry: all `null` when there is none. */
export interface PersonalRow {
  readonly whose: 'actor' | 'target' | null;
  readonly client_address: string | null;
  readonly user_agent: string | null;
  readonly display_name: string | null;
  readonly salts: Buffer | null;
}

type Values = { -readonly [Name in keyof PersonalHashes]: string };

/** What of the personal values of an entry can be shown. */
export interface ShownValues {
  readonly personal: AuditEntryRecord['personal'];
  /** Whether one is left out, because it was changed. */
  readonly isChanged: boolean;
}

/**
 * The values whose hashes the entry has. One pass for each row, because searches and exports read thousands.
 *
 * @param recorded the hashes of the entry; `undefined` for one that was changed itself: then all values
 */
export function shownValues(
  rows: readonly PersonalRow[],
  recorded: PersonalHashes | undefined,
): ShownValues {
  const personal: Values = {};
  let isChanged = false;
  for (const row of rows) {
    const values = valuesOf(row);
    if (!values) continue;
    const hashes = recorded && hasAllSalts(values) ? personalHashes([values]) : undefined;
    for (const field of PERSONAL_FIELDS) {
      const value = values[field];
      if (value === undefined) continue;
      const name = hashNameOf(values.whose, field);
      const isTrue = !recorded || (hashes !== undefined && hashes[name] === recorded[name]);
      if (isTrue) personal[name] = value;
      else isChanged = true;
    }
  }
  return { personal, isChanged };
}

function valuesOf({ whose, salts, ...row }: PersonalRow): PersonalValues | undefined {
  if (whose === null || salts === null) return undefined;
  return {
    whose,
    salts,
    clientAddress: row.client_address ?? undefined,
    userAgent: row.user_agent ?? undefined,
    displayName: row.display_name ?? undefined,
  };
}
