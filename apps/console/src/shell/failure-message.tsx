import { ConnectionError, ProblemError } from '@acs-identity/client';
import { Button } from '@fluentui/react-components';
import { type ReactNode, useEffect, useState } from 'react';
import { useSignedIn } from '../api/api-context.js';
import { SignInEnded } from '../sign-in/session.js';
import { useNow } from './use-now.js';

/** Why a part of a page has no data, and what helps. The rest of the page stays. */
export function FailureMessage({
  error,
  onRetry,
}: {
  readonly error: Error;
  readonly onRetry: () => void;
}): ReactNode {
  const { session } = useSignedIn();
  const isSignInEnded =
    error instanceof SignInEnded || (error instanceof ProblemError && error.status === 401);
  const { title, detail, facts } = describe(error);
  return (
    <section className="failure" role="alert">
      <strong>{title}</strong>
      <p>{detail}</p>
      {facts.length > 0 && <p className="soft">{facts.join(' · ')}</p>}
      {isSignInEnded ? (
        <Button appearance="primary" onClick={() => void session.signIn()}>
          Sign in again
        </Button>
      ) : (
        <Retry error={error} onRetry={onRetry} />
      )}
    </section>
  );
}

/** Repeats once on its own after `Retry-After`, and then at a click. */
export function Retry({
  error,
  defaultSeconds,
  onRetry,
}: {
  readonly error: Error;
  /** For failures without `Retry-After`. They are not repeated if it is absent. */
  readonly defaultSeconds?: number;
  readonly onRetry: () => void;
}): ReactNode {
  const seconds =
    (error instanceof ProblemError ? error.retryAfterSeconds : undefined) ?? defaultSeconds;
  const [repeatAt] = useState(() =>
    seconds === undefined || repeated.has(error.message) ? undefined : Date.now() + seconds * 1000,
  );
  const now = useNow(1_000);
  const left = repeatAt === undefined ? 0 : Math.ceil((repeatAt - now) / 1000);
  const isDue = repeatAt !== undefined && left <= 0;
  useEffect(() => {
    if (!isDue || repeated.has(error.message)) return;
    repeated.add(error.message);
    onRetry();
  }, [isDue, error, onRetry]);
  return (
    <p>
      {left > 0 && (
        <span role="timer" className="soft">
          Again in {left} s{' '}
        </span>
      )}
      <Button onClick={onRetry}>Try again</Button>
    </p>
  );
}

/** Failures after which a request was repeated already. Their texts have the id of the request. */
const repeated = new Set<string>();

const FOREIGN =
  'Something between this page and the service answered, such as a proxy whose sign-in has ended. Load the page again.';

export function describe(error: Error): {
  title: string;
  detail: string;
  facts: readonly string[];
} {
  if (error instanceof ProblemError) {
    const facts = [`status ${error.status}`, error.code];
    if (error.requestId !== undefined) facts.push(`request ${error.requestId}`);
    const remedy =
      error.status === 403
        ? ' An administrator of your directory assigns permissions as app roles of this service.'
        : '';
    // An answer of something else, which no repeat changes: the client speaks of its address then.
    const isForeign = error.code === 'unexpected-response' && !error.isFromGateway;
    const detail = isForeign ? FOREIGN : error.detail + remedy;
    return { title: error.problem.title, detail, facts };
  }
  if (error instanceof ConnectionError) {
    const title = navigator.onLine ? 'The service does not answer' : 'This computer is offline';
    return { title, detail: 'What is shown stays. Try again in a moment.', facts: [] };
  }
  if (error instanceof SignInEnded)
    return { title: 'Your sign-in has ended', detail: error.message, facts: [] };
  return { title: 'Something went wrong', detail: error.message, facts: [error.name] };
}
