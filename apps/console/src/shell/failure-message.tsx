import { ConnectionError, ProblemError } from '@acs-identity/client';
import { Button } from '@fluentui/react-components';
import { type ReactNode, useEffect, useState } from 'react';
import { useSignedIn } from '../api/api-context.js';
import { SignInEnded } from '../sign-in/session.js';
import { useNow } from './use-now.js';

/** Why a part of a page has no data, and what helps. The rest of the page stays. */
export function FailureMessage({
  error,
  repeats = 'once',
  onRetry,
}: {
  readonly error: Error;
  /** As for `Retry`. Default: once, which is for what only reads. */
  readonly repeats?: Repeats;
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
        <Retry error={error} repeats={repeats} onRetry={onRetry} />
      )}
    </section>
  );
}

/** How often something is repeated without a click: an act never is. */
export type Repeats = 'never' | 'once' | 'always';

/** Counts down `Retry-After`, and repeats then. A click repeats at any time. */
export function Retry({
  error,
  defaultSeconds,
  repeats,
  onRetry,
}: {
  readonly error: Error;
  /** For failures without `Retry-After`. They are not repeated if it is absent. */
  readonly defaultSeconds?: number;
  readonly repeats: Repeats;
  readonly onRetry: () => void;
}): ReactNode {
  const [due, setDue] = useState(() => dueOf(error, repeats, defaultSeconds));
  if (due.error !== error) setDue(dueOf(error, repeats, defaultSeconds));
  const now = useNow(1_000);
  const left = due.at === undefined ? 0 : Math.ceil((due.at - now) / 1000);
  const isDue = due.isAutomatic && left <= 0;
  useEffect(() => {
    if (!isDue || repeated.has(error)) return;
    repeated.add(error);
    if (repeats === 'once') lastRepeats.set(kindOf(error), Date.now());
    onRetry();
  }, [isDue, error, repeats, onRetry]);
  return (
    <p>
      {left > 0 && (
        <span role="timer" className="soft">
          {due.isAutomatic ? 'Again' : 'Possible'} in {left} s{' '}
        </span>
      )}
      <Button onClick={onRetry}>Try again</Button>
    </p>
  );
}

/** In ms. What fails again so soon after a repeat is the same failure. */
const SAME_FAILURE_MS = 60_000;
/** Errors after which something was repeated. */
const repeated = new WeakSet<Error>();
/** When that was, by kind. */
const lastRepeats = new Map<string, number>();

interface Due {
  readonly error: Error;
  /** In ms of the epoch. */
  readonly at: number | undefined;
  readonly isAutomatic: boolean;
}

function dueOf(error: Error, repeats: Repeats, defaultSeconds: number | undefined): Due {
  const seconds =
    (error instanceof ProblemError ? error.retryAfterSeconds : undefined) ?? defaultSeconds;
  const at = seconds === undefined ? undefined : Date.now() + seconds * 1000;
  const isAgain = Date.now() - (lastRepeats.get(kindOf(error)) ?? 0) < SAME_FAILURE_MS;
  const isAutomatic = repeats === 'always' || (repeats === 'once' && !isAgain);
  return { error, at, isAutomatic: isAutomatic && at !== undefined };
}

/** Where it is shown and what it says, without the id of a request, which each answer has of its own. */
function kindOf(error: Error): string {
  const what = error instanceof ProblemError ? `${error.status} ${error.type}` : error.message;
  return `${location.hash} ${what}`;
}

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
