import { Button } from '@fluentui/react-components';
import type { ReactNode } from 'react';
import { change } from '../../shell/address.js';
import { lengthOf, type Range, RANGES } from '../../time/range.js';
import { removeFilter } from './filter-bar.js';
import { definitionOf, type Filter } from './filters.js';

/** No entry matches: the filters in words, and what would widen them. */
export function EmptyResult({
  filters,
  range,
}: {
  readonly filters: readonly Filter[];
  readonly range: Range | undefined;
}): ReactNode {
  const longer =
    range && 'length' in range
      ? RANGES.find((one) => (lengthOf(one) ?? 0) > (lengthOf(range.length) ?? 0))
      : undefined;
  const words = filters.map(
    ({ name, value }) => `${definitionOf(name)?.label ?? name} is ${value}`,
  );
  return (
    <section className="empty" aria-label="Result">
      <p>
        No entry {words.length > 0 ? `where ${words.join(' and ')} ` : ''}
        {range && 'length' in range ? `in the last ${range.length}.` : 'in this time.'}
      </p>
      <p className="buttons">
        {filters.map((filter) => (
          <Button
            key={`${filter.name} ${filter.value}`}
            size="small"
            onClick={() => {
              removeFilter(filter);
            }}
          >
            without “{definitionOf(filter.name)?.label}: {filter.value}”
          </Button>
        ))}
        {longer !== undefined && (
          <Button
            size="small"
            onClick={() => {
              change({ range: longer, from: undefined, to: undefined });
            }}
          >
            in the last {longer}
          </Button>
        )}
      </p>
    </section>
  );
}
