import { change, useAddress } from '../../shell/address.js';
import { setPreferences, usePreferences } from '../../shell/preferences.js';
import {
  COLUMN_SETS,
  type ColumnSet,
  type ColumnSetName,
  DEFAULT_COLUMNS,
  isColumnSet,
} from './columns.js';
import { columnsOf, readOwnColumns } from './own-columns.js';

/** The columns that the address names, or those that were chosen last. */
export function useColumns(): {
  readonly columns: ColumnSetName;
  /** Whether the address names a set that does not exist. */
  readonly isUnknown: boolean;
} {
  const { columns: chosen } = usePreferences();
  const named = useAddress().parameters.get('columns');
  const name = named ?? chosen;
  return {
    columns: isColumnSet(name) ? name : DEFAULT_COLUMNS,
    isUnknown: named !== null && !isColumnSet(named),
  };
}

export function chooseColumns(columns: ColumnSetName): void {
  setPreferences({ columns });
  change({ columns }, { replaces: true });
}

/** The columns of a set, of which this browser keeps the own ones. */
export function useColumnSet(name: ColumnSetName): ColumnSet {
  const { ownColumns } = usePreferences();
  const set = COLUMN_SETS[name];
  return name === 'own' ? { ...set, columns: columnsOf(readOwnColumns(ownColumns)) } : set;
}
