import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
} from '@fluentui/react-components';
import type { ReactNode } from 'react';
import type { PageDefinition } from '../pages/pages.js';
import { useReturnFocus } from './use-return-focus.js';

const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['/', 'search, or paste an id'],
  ['j k ↑ ↓', 'next and previous entry'],
  ['PgDn PgUp Home', 'further down and up'],
  ['Enter, Esc', 'open and close an entry; Esc leaves a field'],
  ['l', 'live: show entries as they are recorded'],
  ['e', 'export what was found'],
  ['v', 'verify an entry in this browser'],
  ['s', 'save the evidence of an entry'],
  ['a, b', 'everything about who acted in an entry, and about whom it was done to, in 7 days'],
  ['→', 'the newest refusals in the picture of Overview'],
  ['f, x', 'filter for, or out, the value whose button has the focus'],
  ['o', 'the oldest entries first, or the newest'],
  ['w', 'views: open one, or save this search'],
  ['1 … 6', 'columns: Triage, Issuance, Refusals, Administration, Forensic, your own'],
  ['m', 'choose your own columns'],
  ['y', 'copy that value'],
  ['r, p, x', 'revoke, suspend or resume, and erase the identity that is shown'],
  ['c', 'copy a link to what is shown'],
  ['u', 'UTC or the time of this computer'],
  ['d', 'density of rows'],
  ['t', 'light or dark'],
  ['.', 'refresh'],
];

/** The keys of the console. */
export default function Help({
  isOpen,
  pages,
  onClose,
}: {
  readonly isOpen: boolean;
  readonly pages: readonly PageDefinition[];
  readonly onClose: () => void;
}): ReactNode {
  useReturnFocus(isOpen);
  const all = [...pages.map(({ key, title }) => [`g ${key}`, title] as const), ...KEYS];
  return (
    <Dialog
      open={isOpen}
      onOpenChange={(_event, { open }) => {
        if (!open) onClose();
      }}
    >
      <DialogSurface>
        <DialogBody>
          <DialogTitle>Keys</DialogTitle>
          <DialogContent>
            <dl className="parts">
              {all.map(([keys, what]) => (
                <div key={keys} className="part">
                  <dt>
                    <kbd>{keys}</kbd>
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
            <p className="soft">About switches them off.</p>
          </DialogContent>
          <DialogActions>
            <Button onClick={onClose}>Close</Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
