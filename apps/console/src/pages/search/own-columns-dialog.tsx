import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  Select,
} from '@fluentui/react-components';
import { type ReactNode, useState } from 'react';
import { setPreferences, usePreferences } from '../../shell/preferences.js';
import { useReturnFocus } from '../../shell/use-return-focus.js';
import { type ColumnName, COLUMNS } from './columns.js';
import { COLUMN_NAMES, moveColumn, type OwnColumn, readOwnColumns, WIDTHS } from './own-columns.js';

interface OwnColumnsDialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

/** Chooses the own columns, their order and their widths. The list follows each change. */
export default function OwnColumnsDialog({ isOpen, onClose }: OwnColumnsDialogProps): ReactNode {
  const own = readOwnColumns(usePreferences().ownColumns);
  const [moved, setMoved] = useState('');
  useReturnFocus(isOpen);
  const others = COLUMN_NAMES.filter((name) => !own.some((column) => column.name === name));
  return (
    <Dialog
      open={isOpen}
      onOpenChange={(_event, { open }) => {
        if (!open) onClose();
      }}
    >
      <DialogSurface>
        <DialogBody>
          <DialogTitle>Own columns</DialogTitle>
          <DialogContent className="confirm">
            <ol className="own-columns" aria-label="Columns of the list, in this order">
              {own.map((column, place) => (
                <OwnColumnItem
                  key={column.name}
                  own={own}
                  place={place}
                  onMove={(by) => {
                    keep(moveColumn(own, place, by));
                    const { title } = COLUMNS[column.name];
                    setMoved(`${title} is column ${place + by + 1} of ${own.length}.`);
                  }}
                />
              ))}
            </ol>
            <p role="status" className="hidden">
              {moved}
            </p>
            {others.length > 0 && (
              <NewColumn
                names={others}
                onAdd={(name) => {
                  keep([...own, { name }]);
                }}
              />
            )}
            <p className="soft">
              This browser keeps them. A link has none of them: others see their own columns.
            </p>
          </DialogContent>
          <DialogActions>
            <Button
              onClick={() => {
                keep([]);
              }}
            >
              Back to the default
            </Button>
            <Button appearance="primary" onClick={onClose}>
              Close
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}

interface OwnColumnItemProps {
  readonly own: readonly OwnColumn[];
  readonly place: number;
  /** @param by places towards the end */
  readonly onMove: (by: number) => void;
}

function OwnColumnItem({ own, place, onMove }: OwnColumnItemProps): ReactNode {
  const column = own[place];
  if (!column) return null;
  const { title } = COLUMNS[column.name];
  return (
    <li>
      <span className="own-column">{title}</span>
      <Select
        size="small"
        aria-label={`Width of ${title}`}
        value={String(column.width ?? '')}
        onChange={(_event, { value }) => {
          const width = value === '' ? {} : { width: Number(value) };
          keep(own.with(place, { name: column.name, ...width }));
        }}
      >
        <option value="">usual width</option>
        {WIDTHS.map((width) => (
          <option key={width} value={width}>
            {width} pixels
          </option>
        ))}
      </Select>
      {([-1, 1] as const).map((by) => (
        <Button
          key={by}
          size="small"
          aria-label={`Move ${title} ${by < 0 ? 'up' : 'down'}`}
          // A disabled button would lose the focus at the end of the list.
          disabledFocusable={own[place + by] === undefined}
          onClick={() => {
            onMove(by);
          }}
        >
          <Arrow isUp={by < 0} />
        </Button>
      ))}
      <Button
        size="small"
        aria-label={`Remove ${title}`}
        disabledFocusable={own.length === 1}
        onClick={({ currentTarget }) => {
          // Before the button that has the focus is gone: the keys of the dialog work inside of it only.
          const item = currentTarget.closest('li');
          const next = item?.nextElementSibling ?? item?.previousElementSibling;
          next?.querySelector<HTMLElement>('button:last-of-type')?.focus();
          keep(own.toSpliced(place, 1));
        }}
      >
        ×
      </Button>
    </li>
  );
}

/** Drawn, because not every font has arrows. */
function Arrow({ isUp }: { readonly isUp: boolean }): ReactNode {
  return (
    <svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
      <path
        d={isUp ? 'M3 9l4-4 4 4' : 'M3 5l4 4 4-4'}
        fill="none"
        stroke="currentColor"
        strokeWidth="2"
      />
    </svg>
  );
}

function NewColumn({
  names,
  onAdd,
}: {
  readonly names: readonly ColumnName[];
  readonly onAdd: (name: ColumnName) => void;
}): ReactNode {
  const [chosen, setChosen] = useState<ColumnName>();
  const name = chosen !== undefined && names.includes(chosen) ? chosen : names[0];
  return (
    <form
      className="view-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (name !== undefined) onAdd(name);
      }}
    >
      <Field label="Another column">
        <Select
          value={name}
          onChange={(_event, { value }) => {
            setChosen(value as ColumnName); // its options are the names
          }}
        >
          {names.map((one) => (
            <option key={one} value={one}>
              {COLUMNS[one].title}
            </option>
          ))}
        </Select>
      </Field>
      <Button type="submit">Add</Button>
    </form>
  );
}

function keep(ownColumns: readonly OwnColumn[]): void {
  setPreferences({ ownColumns });
}
