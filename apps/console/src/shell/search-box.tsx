import { Input } from '@fluentui/react-components';
import { type ReactNode, useState } from 'react';
import { FILTERS, type FilterName } from '../pages/search/filters.js';
import { addFilter } from '../pages/search/filter-bar.js';
import { handToken } from '../pages/trace/handed-token.js';
import { change, go } from './address.js';
import { recognise } from './recognise.js';

/** Takes any id of the log and decides by its form what it is the id of. */
export function SearchBox(): ReactNode {
  const [text, setText] = useState('');
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const found = recognise(text);
        if (!found) return;
        setText('');
        (document.activeElement as HTMLElement | null)?.blur(); // an input of this form
        if (found.kind === 'entry') openEntry(found.id);
        else if (found.kind === 'index') openEntry(String(found.index));
        else if (found.kind === 'filter') {
          // A ticket may be old. A new search: the filters of another one would hide what is looked for.
          go({ page: 'search', parameters: new URLSearchParams({ range: '90d' }) });
          addFilter({ name: found.name as FilterName, value: found.value }, { replaces: true }); // one of FILTERS
        } else {
          handToken(found.token);
          go({ page: 'trace' });
        }
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

function openEntry(id: string): void {
  go({ page: 'search' });
  change({ entry: id }, { replaces: true });
}
