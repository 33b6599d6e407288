import { Select } from '@fluentui/react-components';
import type { ReactNode } from 'react';
import { useKeys } from '../../shell/keys.js';
import { COLUMN_SET_NAMES, COLUMN_SETS, type ColumnSetName } from './columns.js';
import { chooseColumns } from './use-columns.js';

/** Chooses what the list shows of each entry: the list itself stays as it is. */
export function ColumnsMenu({ columns }: { readonly columns: ColumnSetName }): ReactNode {
  useKeys(
    Object.fromEntries(
      COLUMN_SET_NAMES.map((name, nth) => [
        String(nth + 1),
        () => {
          chooseColumns(name);
        },
      ]),
    ),
  );
  return (
    <Select
      size="small"
      aria-label="Columns"
      title={`Keys: 1 to ${COLUMN_SET_NAMES.length}`}
      value={columns}
      onChange={(_event, { value }) => {
        chooseColumns(value as ColumnSetName); // its options are the names
      }}
    >
      {COLUMN_SET_NAMES.map((name) => (
        <option key={name} value={name}>
          {COLUMN_SETS[name].title}
        </option>
      ))}
    </Select>
  );
}
