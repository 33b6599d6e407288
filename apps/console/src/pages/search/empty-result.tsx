import { Button } from '@fluentui/react-components';
import type { ReactNode } from 'react';
import { useSignedIn } from '../../api/api-context.js';
import { may } from '../../api/me.js';
import { change, go } from '../../shell/address.js';
import { lengthOf, type Range, RANGES } from '../../time/range.js';
import { addFilter, removeFilter } from './filter-bar.js';
import { definitionOf, type Filter } from './filters.js';
import { otherKinds } from './other-kinds.js';

function asOther(filters: readonly Filter[]): readonly Filter[] {
  const [only, ...others] = filters;
  return only && others.length === 0 ? otherKinds(only) : [];
}

/** No entry matches: the filters in words, and what would widen them. */
export function EmptyResult({
  filters,
  range,
}: {
  readonly filters: readonly Filter[];
  readonly range: Range | undefined;
}): ReactNode {
  const { me } = useSignedIn();
  const name = filters.find((filter) => filter.name === 'displayName');
  const longer =
    range && 'length' in range
      ? RANGES.find((one) => (lengthOf(one) ?? 0) > (lengthOf(range.length) ?? 0))
      : undefined;
  const words = filters.map(
    ({ name, value }) => `${claimOf(definitionOf(name)?.label ?? name)} ${value}`,
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
              for (const one of filters) removeFilter(one);
              addFilter(filter, { replaces: true });
            }}
          >
            as {definitionOf(filter.name)?.label}
          </Button>
        ))}
        {name && may(me, 'CommunicationIdentity.Read.All') && (
          <Button
            size="small"
            onClick={() => {
              go({ page: 'identities', personal: { person: name.value } });
            }}
          >
            identities with a name that begins so
          </Button>
        )}
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

/** `app is`, `action is not`, `reason has`. */
function claimOf(label: string): string {
  return /(^| )(is not|has)$/.test(label) ? label : `${label} is`;
}
