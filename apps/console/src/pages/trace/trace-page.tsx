import { Button } from '@fluentui/react-components';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useApi } from '../../api/api-context.js';
import type { Trace } from '../../api/schemas.js';
import { address, go } from '../../shell/address.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { takeText } from '../../shell/handed-text.js';
import { readTraced, type Traced, tracedId, type TracedText } from '../../shell/recognise.js';
import { Waiting } from '../../shell/waiting.js';
import { MAX_TEXT_LENGTH } from '#libs/token-text';
import { bookmarkOf, tracedFrom } from './trace-bookmark.js';
import { TraceResult } from './trace-result.js';

function bookmark(traced: Traced, found?: Trace): void {
  const { parameters } = address();
  go({ parameters, personal: bookmarkOf(traced, found), replaces: true });
}

type State =
  | { readonly is: 'idle' | 'running' | 'unreadable' }
  | { readonly is: 'failed'; readonly error: Error }
  | { readonly is: 'found'; readonly trace: Trace; readonly what: TracedText };

/**
 * From a leaked token to its person. The token is in this page's memory until it is sent, and in no address,
 * storage or cache. The fingerprint of what was found is in the state of the history, and so outlasts a sign-in.
 */
export default function TracePage(): ReactNode {
  const api = useApi();
  const field = useRef<HTMLTextAreaElement>(null);
  const [state, setState] = useState<State>({ is: 'idle' });
  const request = useRef<AbortController>(undefined);

  const trace = async (traced: Traced): Promise<void> => {
    const { by, what } = traced;
    request.current?.abort();
    const { signal } = (request.current = new AbortController());
    setState({ is: 'running' });
    bookmark(traced);
    try {
      const found = await api.json<Trace>('POST', '/v1/audit/trace', { body: by, signal });
      if (signal.aborted) return;
      bookmark(traced, found);
      setState({ is: 'found', trace: found, what });
    } catch (error) {
      if (signal.aborted) return;
      setState({ is: 'failed', error: error instanceof Error ? error : new Error(String(error)) });
    }
  };
  const traceText = (pasted: string): void => {
    const traced = readTraced(pasted);
    if (traced) void trace(traced);
    else setState({ is: 'unreadable' });
  };
  const submit = (): void => {
    if (!field.current) return;
    const { value } = field.current;
    field.current.value = '';
    // So that the keys of the page work.
    field.current.blur();
    traceText(value);
  };
  useEffect(() => {
    field.current?.focus();
    const before = tracedFrom(address().personal);
    if (before) void trace(before);
    return () => {
      request.current?.abort();
    };
  }, []);
  // The search box hands a text over, and then goes to this page, also when it is open already.
  useEffect(() => {
    const handed = takeText();
    if (handed !== undefined) traceText(handed);
  });

  return (
    <section className="page" aria-label="Trace">
      <h1>Trace a leaked token</h1>
      <form
        className="trace-form"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <label htmlFor="traced">
          A token, a fingerprint of an entry, or the id of a caller’s token (uti or jti)
        </label>
        <textarea
          id="traced"
          ref={field}
          rows={2}
          className="secret"
          autoComplete="off"
          autoCorrect="off"
          autoCapitalize="off"
          spellCheck={false}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey) return;
            event.preventDefault();
            submit();
          }}
        />
        <p className="buttons">
          <Button type="submit" appearance="primary">
            Trace
          </Button>
          <span className="soft">
            A token is not stored, not logged, and leaves this field at once.
          </span>
        </p>
      </form>
      {state.is === 'unreadable' && (
        <p role="alert">
          This is neither a token, nor the id of one, nor a fingerprint. A token that is cut short
          can’t be traced: paste all three of its parts. Of a long text only the first{' '}
          {MAX_TEXT_LENGTH.toLocaleString('en')} characters are searched.
        </p>
      )}
      {state.is === 'running' && (
        <Waiting
          what="Tracing"
          onCancel={() => {
            request.current?.abort();
            setState({ is: 'idle' });
          }}
        />
      )}
      {state.is === 'failed' && (
        <FailureMessage
          error={state.error}
          repeats="never"
          onRetry={() => {
            setState({ is: 'idle' });
            field.current?.focus();
          }}
        />
      )}
      {state.is === 'found' && (
        <TraceResult
          trace={state.trace}
          what={state.what}
          onTraceCaller={(tokenId) => void trace(tracedId(tokenId))}
        />
      )}
    </section>
  );
}
