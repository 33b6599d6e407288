import type { ReactNode } from 'react';
import { fragmentOf } from '../../shell/address.js';
import { definitionOf, type Filter } from './filters.js';
import { otherKinds } from './other-kinds.js';

/** Links to the searches for what an id may be instead. A ticket may be old. */
export function OtherKinds({ filter }: { readonly filter: Filter }): ReactNode {
  const others = otherKinds(filter);
  if (others.length === 0) return undefined;
  return (
    <span className="other-kinds">
      {' '}
      Search for it as{' '}
      {others.map(({ name, value }, nth) => (
        <span key={name}>
          {nth > 0 && ', '}
          <a
            href={fragmentOf({
              page: 'search',
              parameters: new URLSearchParams({ range: '90d', [name]: value }),
            })}
          >
            {definitionOf(name)?.label}
          </a>
        </span>
      ))}
      .
    </span>
  );
}
