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
import { useApi } from '../../api/api-context.js';
import { saveFile } from '../../shell/save-file.js';
import { useReturnFocus } from '../../shell/use-return-focus.js';
import { type Filter, isPersonal, searchesOf } from './filters.js';
import { queryOf, type Search } from './use-entries.js';

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
  const [failure, setFailure] = useState('');
  useReturnFocus(isOpen);
  // They would be part of the request line.
  const personal = search.filters.filter(isPersonal);
  const exports = exportsOf(search.filters);
  const save = async (): Promise<void> => {
    setIsBusy(true);
    setFailure('');
    try {
      const files = await Promise.all(
        exports.map(async ({ name, filters }) => {
          const response = await api.send('GET', '/v1/audit/export', {
            query: {
              ...queryOf(filters, search.span),
              ...(format === 'csv' && { bom: 'true' }),
              format,
            },
          });
          // A body that breaks off rejects: a part of an export is not saved for the whole.
          const content = await response.blob();
          return { name, content, type: response.headers.get('content-type') ?? '' };
        }),
      );
      for (const { name, content, type } of files) saveFile(`${name}.${format}`, content, type);
      onClose();
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
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
              {failure !== '' && (
                <p role="alert" className="failure">
                  {failure}
                </p>
              )}
            </DialogContent>
            <DialogActions>
              <Button onClick={onClose}>Cancel</Button>
              <Button
                type="submit"
                appearance="primary"
                disabled={isBusy || personal.length > 0 || exports.length === 0}
              >
                {isBusy ? 'Exporting …' : 'Save'}
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}

/** The service exports one search at a time. */
function exportsOf(
  filters: readonly Filter[],
): readonly { readonly name: string; readonly filters: readonly Filter[] }[] {
  const isInvolved = filters.some(({ name }) => name === 'involvedSubject');
  return searchesOf(filters).map((one) => {
    const side = one.at(-1)?.name === 'actorSubject' ? 'by' : 'on';
    return { name: isInvolved ? `audit-log-${side}-person` : 'audit-log', filters: one };
  });
}
