import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  Input,
} from '@fluentui/react-components';
import { type ReactNode, useState } from 'react';
import { go, useAddress } from '../../shell/address.js';
import { NotKept } from '../../shell/not-kept.js';
import { useReturnFocus } from '../../shell/use-return-focus.js';
import { useZone } from '../../shell/use-zone.js';
import type { ColumnSetName } from './columns.js';
import {
  deleteView,
  MAX_NAME_LENGTH,
  renameView,
  saveView,
  shippedViews,
  useViews,
  type View,
  viewFragment,
} from './views.js';

interface ViewsDialogProps {
  readonly isOpen: boolean;
  readonly columns: ColumnSetName;
  /** Whether the address is one that can be searched. */
  readonly canSave: boolean;
  readonly onClose: () => void;
}

/** Opens a view, and saves what is shown as one. They stay in this browser. */
export default function ViewsDialog({
  isOpen,
  columns,
  canSave,
  onClose,
}: ViewsDialogProps): ReactNode {
  const zone = useZone();
  const views = useViews();
  const { parameters, personal } = useAddress();
  useReturnFocus(isOpen);
  const open = ({ fragment }: View): void => {
    go({ page: 'search', parameters: new URLSearchParams(fragment.split('?')[1]) });
    onClose();
  };
  return (
    <Dialog
      open={isOpen}
      onOpenChange={(_event, { open: isStillOpen }) => {
        if (!isStillOpen) onClose();
      }}
    >
      <DialogSurface>
        <DialogBody>
          <DialogTitle>Views</DialogTitle>
          <DialogContent className="confirm">
            <ul className="views" aria-label="Views of the console">
              {shippedViews(zone, Date.now()).map((view) => (
                <li key={view.name}>
                  <Button
                    size="small"
                    onClick={() => {
                      open(view);
                    }}
                  >
                    {view.name}
                  </Button>
                </li>
              ))}
            </ul>
            {views.length > 0 && (
              <ul className="views" aria-label="Your views">
                {views.map((view) => (
                  <OwnView
                    key={view.name}
                    view={view}
                    onOpen={() => {
                      open(view);
                    }}
                  />
                ))}
              </ul>
            )}
            {canSave && (
              <NameForm
                label="Save this search as"
                action="Save"
                onName={(name) => saveView({ name, fragment: viewFragment(parameters, columns) })}
              />
            )}
            <NotKept />
            {canSave && Object.keys(personal).length > 0 && (
              <p role="alert">The filters by name and address are personal: a view has none.</p>
            )}
          </DialogContent>
          <DialogActions>
            <Button onClick={onClose}>Close</Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}

function OwnView({
  view: { name },
  onOpen,
}: {
  readonly view: View;
  readonly onOpen: () => void;
}): ReactNode {
  const [isRenaming, setIsRenaming] = useState(false);
  if (isRenaming)
    return (
      <li>
        <NameForm
          label={`New name of ${name}`}
          action="Rename"
          initial={name}
          onName={(next) => {
            const isDone = renameView(name, next);
            if (!isDone) return false;
            focusDialog();
            setIsRenaming(false);
            return true;
          }}
        />
      </li>
    );
  return (
    <li>
      <Button size="small" className="view-name" onClick={onOpen}>
        {name}
      </Button>
      <Button
        size="small"
        aria-label={`Rename ${name}`}
        onClick={() => {
          setIsRenaming(true);
        }}
      >
        Rename
      </Button>
      <Button
        size="small"
        aria-label={`Delete ${name}`}
        onClick={() => {
          focusDialog();
          deleteView(name);
        }}
      >
        Delete
      </Button>
    </li>
  );
}

/** Before the element that has the focus is gone: the keys of the dialog work inside of it only. */
function focusDialog(): void {
  document.querySelector<HTMLElement>('[role=dialog] .views button')?.focus();
}

function NameForm({
  label,
  action,
  initial = '',
  onName,
}: {
  readonly label: string;
  readonly action: string;
  readonly initial?: string;
  /** @returns whether the name was free */
  readonly onName: (name: string) => boolean;
}): ReactNode {
  const [name, setName] = useState(initial);
  const [isTaken, setIsTaken] = useState(false);
  return (
    <form
      className="view-form"
      onSubmit={(event) => {
        event.preventDefault();
        const typed = name.trim();
        if (typed === '') return;
        const isDone = onName(typed);
        setIsTaken(!isDone);
        if (isDone) setName('');
      }}
    >
      <Field
        label={label}
        validationState={isTaken ? 'error' : 'none'}
        validationMessage={isTaken ? 'There is a view with this name.' : null}
      >
        <Input
          autoComplete="off"
          autoFocus={initial !== ''}
          maxLength={MAX_NAME_LENGTH}
          value={name}
          onChange={(_event, { value }) => {
            setName(value);
            setIsTaken(false);
          }}
        />
      </Field>
      <Button type="submit">{action}</Button>
    </form>
  );
}
