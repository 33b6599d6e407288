import type { ReactNode } from 'react';
import type { Entry } from '../api/api.js';

type Outcome = Entry['outcome'];

export const OUTCOMES: readonly Outcome[] = ['success', 'denied', 'failure', 'unknown'];

/** Signs, so that colour is never alone: a tick, a cross, an exclamation mark, a question mark. */
const SIGNS: Readonly<Record<Outcome, string>> = {
  success: 'M2 7l3.5 3.5L12 3',
  denied: 'M3 3l8 8M11 3l-8 8',
  failure: 'M7 2v6M7 11v1',
  unknown: 'M4 4.5c0-3.5 6-3.5 6 0 0 2-3 2-3 4M7 11v1',
};

export function OutcomeSign({ outcome }: { readonly outcome: Outcome }): ReactNode {
  return (
    <svg
      className={`outcome is-${outcome}`}
      viewBox="0 0 14 14"
      width="14"
      height="14"
      role="img"
      aria-label={outcome}
    >
      <path d={SIGNS[outcome]} fill="none" stroke="currentColor" strokeWidth="2" />
    </svg>
  );
}
