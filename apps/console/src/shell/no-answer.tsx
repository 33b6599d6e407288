import { ConnectionError, ProblemError } from '@acs-identity/client';
import type { ReactNode } from 'react';
import { describe, Retry } from './failure-message.js';

const REPEATED_AFTER_SECONDS = 5;

/** In place of the console, while it has not what every page needs. The sign-in is kept. */
export function NoAnswer({
  error,
  onRetry,
}: {
  readonly error: Error;
  readonly onRetry: () => void;
}): ReactNode {
  const { title, detail, facts } = describe(error);
  const isUnavailable =
    error instanceof ProblemError && (error.status >= 500 || error.status === 429);
  return (
    <main className="sign-in">
      <h1>Audit console</h1>
      <section className="failure" role="alert">
        <strong>{isUnavailable ? 'The service does not answer' : title}</strong>
        <p>
          {error instanceof ConnectionError ? '' : `${detail} `}The console opens when it answers.
        </p>
        {facts.length > 0 && <p className="soft">{facts.join(' · ')}</p>}
        <Retry
          error={error}
          defaultSeconds={REPEATED_AFTER_SECONDS}
          repeats="always"
          onRetry={onRetry}
        />
      </section>
    </main>
  );
}
