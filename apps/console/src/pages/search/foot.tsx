import type { ReactNode } from 'react';
import { counted } from '../../entries/counted.js';
import { zoneName } from '../../time/format.js';
import { describeSpan, type Span } from '../../time/range.js';
import type { Zone } from '../../time/zone.js';

type FootState = 'none' | 'before' | 'more' | 'end' | 'cut';

export function footStateOf({
  shown,
  isRefreshed,
  isCut,
  hasMore,
}: {
  readonly shown: object | undefined;
  readonly isRefreshed: boolean;
  readonly isCut: boolean;
  readonly hasMore: boolean;
}): FootState {
  if (!shown) return 'none';
  if (isCut) return 'cut';
  if (!isRefreshed) return 'before';
  return hasMore ? 'more' : 'end';
}

interface FootProps {
  readonly span: Span;
  readonly end: number;
  readonly zone: Zone;
  readonly filters: number;
  /** How many entries came since. */
  readonly live: number;
  readonly isAscending: boolean;
  readonly shown: number;
  readonly state: FootState;
}

/** What was searched, and whether there is more: a list without it could be taken for the whole. */
export function Foot(props: FootProps): ReactNode {
  return (
    <p className="foot" role="status">
      {footText(props)}
    </p>
  );
}

/** Nothing was searched until there is an answer. */
export function footText({
  span,
  end,
  zone,
  filters,
  live,
  isAscending,
  shown,
  state,
}: FootProps): string {
  if (state === 'none') return 'nothing shown yet';
  const searched = `searched ${describeSpan(span, zone, end)} ${zoneName(end, zone)}`;
  const narrowed = counted(filters, 'filter');
  const rest = {
    before: `${shown} shown · not refreshed`,
    more: `${shown} shown · scroll or PageDown for ${isAscending ? 'newer' : 'older'}`,
    end: `${shown} shown · end reached`,
    cut: `the newest ${shown} shown · Refresh for older`,
  }[state];
  const since = live > 0 ? `, then ${live} live` : '';
  return `${searched}, ${narrowed}${since} · ${rest}`;
}
