import { Button } from '@fluentui/react-components';
import type { ReactNode } from 'react';
import type { TracedText } from '../../shell/recognise.js';
import { OtherKinds } from '../search/other-kinds-links.js';

/** What it means that the log has nothing about what was traced, and what else it may be. */
export function NothingFound({
  what,
  isComplete,
  onTraceCaller,
}: {
  readonly what: TracedText;
  /** Whether every fingerprint key could be tried. */
  readonly isComplete: boolean;
  readonly onTraceCaller: (tokenId: string) => void;
}): ReactNode {
  if (what.is !== 'token')
    return (
      <p role="status">
        <strong>Not in the log.</strong>{' '}
        {what.is === 'fingerprint'
          ? 'No entry has a token with this fingerprint.'
          : `No token was issued to a session with the id “${what.id}”.`}
        <OtherKinds filter={{ name: what.is, value: what.id }} />
      </p>
    );
  if (!what.isOfCaller)
    return (
      <p role="status">
        <strong>Not in the log.</strong> This service did not issue this token
        {isComplete ? '.' : ', or its fingerprint key is gone.'}
      </p>
    );
  const { tokenId } = what;
  return (
    <>
      <p role="status">
        <strong>This is a token of a caller</strong>, not one that this service issued. End the
        sessions of its person at the provider that issued it.
      </p>
      {tokenId !== undefined && (
        <p>
          <Button
            appearance="primary"
            onClick={() => {
              onTraceCaller(tokenId);
            }}
          >
            Trace what was issued to it
          </Button>
        </p>
      )}
    </>
  );
}
