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
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useApi } from '../../api/api-context.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { saveFile } from '../../shell/save-file.js';
import { useReturnFocus } from '../../shell/use-return-focus.js';
import { isPersonal } from './filters.js';
import { exportsOf, readExports } from './read-exports.js';
import type { Search } from './use-entries.js';

/** Formats of the service, with the extension of their files. */
const FORMATS = {
  csv: 'CSV, for spreadsheets',
  ndjson: 'NDJSON, entries as they are',
  ecs: 'ECS, for Elastic',
  ocsf: 'OCSF',
  cef: 'CEF',
} as const;

/** Saves every entry of a search, also those that the list has not loaded. The log records it. */
export default function ExportDialog({
  isOpen,
  search,
  onClose,
}: {
  readonly isOpen: boolean;
  readonly search: Search;
  readonly onClose: () => void;
}): ReactNode {
  const api = useApi();
  const [format, setFormat] = useState<string>('csv');
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<Error>();
  const request = useRef<AbortController>(undefined);
  useReturnFocus(isOpen);
  // Closed, by whatever means: it saves nothing any more, and says nothing when it is opened again.
  useEffect(() => {
    if (!isOpen) return;
    setFailure(undefined);
    return () => {
      request.current?.abort();
    };
  }, [isOpen]);
  // They would be part of the request line.
  const personal = search.filters.filter(isPersonal);
  const exports = exportsOf(search.filters);
  const isReady = !isBusy && personal.length === 0 && exports.length > 0;
  const save = async (): Promise<void> => {
    if (!isReady) return;
    const { signal } = (request.current = new AbortController());
    setIsBusy(true);
    setFailure(undefined);
    try {
      const files = await readExports(api, search, format, signal);
      for (const { name, content, type } of files) saveFile(`${name}.${format}`, content, type);
      onClose();
    } catch (error) {
      if (!signal.aborted) setFailure(error instanceof Error ? error : new Error(String(error)));
    }
    setIsBusy(false);
  };
  return (
    <Dialog
      open={isOpen}
      onOpenChange={(_event, { open }) => {
        if (!open) onClose();
      }}
    >
      <DialogSurface>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          <DialogBody>
            <DialogTitle>Export these entries</DialogTitle>
            <DialogContent className="confirm">
              <p>
                All entries of the search, oldest first, with the personal values that you may see.
                For more than some hundred thousand, use <code>acs-identity audit export</code>.
              </p>
              <p className="soft">
                The files prove nothing alone. To prove an entry to others, save its evidence: it is
                verified with <code>acs-identity audit verify-proof</code> and without this service.
              </p>
              {exports.length > 1 && (
                <p>
                  Two files: what the person did, and what was done to them. Acts on themselves are
                  in both.
                </p>
              )}
              <Field label="Format">
                <Select
                  autoFocus
                  value={format}
                  onKeyDown={(event) => {
                    if (event.key !== 'Enter') return;
                    event.preventDefault();
                    event.currentTarget.form?.requestSubmit();
                  }}
                  onChange={(_event, { value }) => {
                    setFormat(value);
                  }}
                >
                  {Object.entries(FORMATS).map(([name, label]) => (
                    <option key={name} value={name}>
                      {label}
                    </option>
                  ))}
                </Select>
              </Field>
              {personal.length > 0 && (
                <p role="alert">
                  Remove the filters by personal values first: an export takes none.
                </p>
              )}
              {failure && (
                <FailureMessage error={failure} repeats="never" onRetry={() => void save()} />
              )}
            </DialogContent>
            <DialogActions>
              <Button onClick={onClose}>Cancel</Button>
              <Button type="submit" appearance="primary" disabled={!isReady}>
                {isBusy ? 'Exporting …' : 'Save'}
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}
