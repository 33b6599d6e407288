import type { ReactNode } from 'react';

/** A value and how many entries have it. */
export interface Ranked {
  readonly label: string;
  readonly count: number;
  /** Address of these entries; absent for the sum of the rest. */
  readonly href?: string;
}

/** The most frequent values, as bars. */
export function RankedBars({
  title,
  rows,
}: {
  readonly title: string;
  readonly rows: readonly Ranked[];
}): ReactNode {
  const highest = Math.max(1, ...rows.map(({ count }) => count));
  return (
    <section className="ranked" aria-label={title}>
      <h2>{title}</h2>
      {rows.length === 0 && <p className="soft">none</p>}
      <ol>
        {rows.map(({ label, count, href }) => (
          <li key={label}>
            <span className="ranked-label" title={label}>
              {href === undefined ? label : <a href={href}>{label}</a>}
            </span>
            <span className="ranked-count">{count.toLocaleString('en')}</span>
            <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden>
              <rect width={(count / highest) * 100} height="4" className="fill is-success" />
            </svg>
          </li>
        ))}
      </ol>
    </section>
  );
}
