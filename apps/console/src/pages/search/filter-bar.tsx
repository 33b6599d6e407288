import { Button, Input, Select } from '@fluentui/react-components';
import { type ReactNode, useState } from 'react';
import { address, change, go } from '../../shell/address.js';
import {
  ACTION_GROUPS,
  definitionOf,
  type Filter,
  FILTERS,
  type FilterDefinition,
  type FilterName,
  refusalOf,
} from './filters.js';

const NAMES = Object.keys(FILTERS) as FilterName[];

interface FilterBarProps {
  readonly filters: readonly Filter[];
  /** Parameters of the address that make no sense. */
  readonly faults: readonly string[];
  /** What the service found wrong, as `refusalOf` takes it. */
  readonly refused: ReadonlyMap<string, string>;
}

/** The filters that are set, as chips, and a way to add one. */
export function FilterBar({ filters, faults, refused }: FilterBarProps): ReactNode {
  const [isAdding, setIsAdding] = useState(false);
  return (
    <>
      {filters.map((filter) => (
        <Chip
          key={`${filter.name} ${filter.value}`}
          text={`${definitionOf(filter.name)?.label ?? filter.name}: ${filter.value}`}
          fault={refusalOf(filter, filters, refused)}
          note={definitionOf(filter.name)?.isPersonal === true ? 'not in the link' : undefined}
          onRemove={() => {
            removeFilter(filter);
          }}
        />
      ))}
      {faults.map((name) => (
        <Chip
          key={name}
          text={name}
          fault="not understood"
          onRemove={() => {
            change({ [name]: undefined });
          }}
        />
      ))}
      {isAdding ? (
        <NewFilter
          onDone={() => {
            setIsAdding(false);
          }}
        />
      ) : (
        <Button
          size="small"
          onClick={() => {
            setIsAdding(true);
          }}
        >
          + filter
        </Button>
      )}
    </>
  );
}

function Chip({
  text,
  fault,
  note,
  onRemove,
}: {
  readonly text: string;
  readonly fault: string | undefined;
  readonly note?: string | undefined;
  readonly onRemove: () => void;
}): ReactNode {
  return (
    <span className={fault === undefined ? 'chip' : 'chip is-refused'}>
      <span className="chip-text">{text}</span>
      {fault !== undefined && <strong> {fault}</strong>}
      {note !== undefined && <span className="soft"> {note}</span>}
      <button type="button" aria-label={`Remove ${text}`} onClick={onRemove}>
        ×
      </button>
    </span>
  );
}

function NewFilter({ onDone }: { readonly onDone: () => void }): ReactNode {
  const [name, setName] = useState<FilterName>('action');
  const definition: FilterDefinition = FILTERS[name];
  return (
    <form
      className="new-filter"
      onSubmit={(event) => {
        event.preventDefault();
        const value = new FormData(event.currentTarget).get('value');
        if (typeof value === 'string' && value.trim() !== '')
          addFilter({ name, value: value.trim() });
        onDone();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        // It closes this form alone, and not the entry beside the list.
        event.preventDefault();
        onDone();
      }}
    >
      <Select
        autoFocus
        size="small"
        aria-label="Filter by"
        value={name}
        onChange={(_event, { value }) => {
          setName(value as FilterName); // its options are the names
        }}
      >
        {[...new Set(NAMES.map((one) => FILTERS[one].group))].map((group) => (
          <optgroup key={group} label={group}>
            {NAMES.filter((one) => FILTERS[one].group === group).map((one) => (
              <option key={one} value={one}>
                {FILTERS[one].label}
              </option>
            ))}
          </optgroup>
        ))}
      </Select>
      <Value key={name} name={name} definition={definition} />
      <Button size="small" type="submit" appearance="primary">
        Add
      </Button>
      <Button size="small" onClick={onDone}>
        Cancel
      </Button>
    </form>
  );
}

function Value({
  name,
  definition,
}: {
  readonly name: FilterName;
  readonly definition: FilterDefinition;
}): ReactNode {
  if (definition.values === undefined)
    return <Input size="small" name="value" aria-label="Value" placeholder={definition.hint} />;
  return (
    <Select size="small" name="value" aria-label="Value">
      {name === 'action'
        ? Object.entries(ACTION_GROUPS).map(([group, actions]) => (
            <optgroup key={group} label={group}>
              {actions.map((action) => (
                <option key={action}>{action}</option>
              ))}
            </optgroup>
          ))
        : definition.values.map((value) => <option key={value}>{value}</option>)}
    </Select>
  );
}

/** Adds a filter to the address, or to its personal values. One that takes one value replaces it. */
export function addFilter({ name, value }: Filter, { replaces = false } = {}): void {
  const definition = definitionOf(name);
  const { page, parameters, personal } = address();
  if (definition?.isPersonal === true) {
    go({ page: 'search', parameters, personal: { ...personal, [name]: value }, replaces });
    return;
  }
  const values = definition?.isList === true && page === 'search' ? parameters.getAll(name) : [];
  const next = new URLSearchParams(page === 'search' ? parameters : '');
  next.delete(name);
  for (const one of new Set([...values, value])) next.append(name, one);
  go({ page: 'search', parameters: next, personal, replaces });
}

export function removeFilter({ name, value }: Filter): void {
  const { page, parameters, personal } = address();
  if (definitionOf(name)?.isPersonal === true) {
    const { [name]: _removed, ...rest } = personal;
    go({ page, parameters, personal: rest });
    return;
  }
  change({ [name]: parameters.getAll(name).filter((one) => one !== value) });
}
