import { ProblemError } from '@acs-identity/client';
import { Input } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useSignedIn } from '../api/api-context.js';
import { may } from '../api/me.js';
import { wholeEntryQuery } from '../entries/whole-entry.js';
import { FILTERS, type FilterName } from '../pages/search/filters.js';
import { addFilter } from '../pages/search/filter-bar.js';
import { openPerson } from '../pages/identities/open-person.js';
import { change, go } from './address.js';
import { handText } from './handed-text.js';
import { recognise } from './recognise.js';

/** Takes any id of the log and decides by its form what it is the id of. */
export function SearchBox(): ReactNode {
  const [text, setText] = useState('');
  const { api, me } = useSignedIn();
  const client = useQueryClient();
  const openIdentity = (id: string): void => {
    if (may(me, 'CommunicationIdentity.Read.All')) openPerson(id);
    else filterAlone('identityId', id);
  };
  /** Ids of entries and of identities have one form: what is no entry is taken for an identity. */
  const openById = async (id: string): Promise<void> => {
    const isEntry = await client.query({ ...wholeEntryQuery(api, id), staleTime: Infinity }).then(
      () => true,
      // Where the entry is shown, other failures are shown too.
      (error: unknown) => !(error instanceof ProblemError && error.status === 404),
    );
    if (isEntry) openEntry(id);
    else openIdentity(id);
  };
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const found = recognise(text);
        if (!found) return;
        setText('');
        (document.activeElement as HTMLElement | null)?.blur(); // an input of this form
        if (found.kind === 'token') trace(text);
        // Without the log, all that may be found are people and their identities.
        else if (me.audit === 'none') openPerson(text.trim());
        else if (found.kind === 'id') void openById(found.id);
        else if (found.kind === 'index') openEntry(String(found.index));
        else if (found.kind === 'filter') filterAlone(found.name, found.value);
        else if (me.audit === 'all') trace(found.tokenId);
        else filterAlone('tokenId', found.tokenId);
      }}
    >
      <Input
        id="search-box"
        type="search"
        size="small"
        aria-label="Search or paste an id"
        placeholder="/ search or paste an id…"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(_event, { value }) => {
          setText(value);
        }}
        title={`Filters by ${Object.values(FILTERS)
          .map(({ label }) => label)
          .join(', ')}`}
      />
    </form>
  );
}

function trace(pasted: string): void {
  handText(pasted);
  go({ page: 'trace' });
}

/** A new search: the filters of another one would hide what is looked for. A ticket may be old. */
function filterAlone(name: string, value: string): void {
  go({ page: 'search', parameters: new URLSearchParams({ range: '90d' }) });
  addFilter({ name: name as FilterName, value }, { replaces: true }); // one of FILTERS
}

function openEntry(id: string): void {
  go({ page: 'search' });
  change({ entry: id }, { replaces: true });
}
