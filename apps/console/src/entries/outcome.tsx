import type { ReactNode } from 'react';
import type { Entry } from '../api/api.js';

type Outcome = Entry['outcome'];

export const OUTCOMES: readonly Outcome[] = ['success', 'denied', 'failure', 'unknown'];

/** Signs, so that colour is never alone. */
const SIGNS: Readonly<Record<Outcome, string>> = {
  success: '✓',
  denied: '✕',
  failure: '!',
  unknown: '?',
};

export function OutcomeSign({ outcome }: { readonly outcome: Outcome }): ReactNode {
  return (
    <span className={`outcome is-${outcome}`} role="img" aria-label={outcome} title={outcome}>
      {SIGNS[outcome]}
    </span>
  );
}
