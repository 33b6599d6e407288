import { Button } from '@fluentui/react-components';
import type { ReactNode } from 'react';
import { change } from '../../shell/address.js';
import { lengthOf, type Range, RANGES } from '../../time/range.js';
import { removeFilter } from './filter-bar.js';
import { definitionOf, type Filter } from './filters.js';

/** What else an id may be the id of, that was taken for one of a request. */
function asOther(filters: readonly Filter[]): readonly Filter[] {
  const [only, ...others] = filters;
  if (only?.name !== 'requestId' || others.length > 0) return [];
  const names = ['actorSubject', 'targetSubject', 'clientApp', 'identityId'] as const;
  return names.map((name) => ({ name, value: only.value }));
}

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
        {asOther(filters).map((filter) => (
          <Button
            key={filter.name}
            size="small"
            onClick={() => {
              change({ requestId: undefined, [filter.name]: filter.value });
            }}
          >
            as {definitionOf(filter.name)?.label}
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
