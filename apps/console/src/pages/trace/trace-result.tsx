import { Button } from '@fluentui/react-components';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import type { ListedEntry } from '../../api/api.js';
import { useApi, useSignedIn } from '../../api/api-context.js';
import { may } from '../../api/me.js';
import { OutcomeSign } from '../../entries/outcome.js';
import { actorOf, targetOf } from '../../entries/people.js';
import { SentenceText } from '../../entries/sentence.js';
import { fragmentOf } from '../../shell/address.js';
import { useKeys } from '../../shell/keys.js';
import { useNow } from '../../shell/use-now.js';
import { useZone } from '../../shell/use-zone.js';
import { instant, relative } from '../../time/format.js';
import type { Trace } from '../../api/schemas.js';

const ConfirmDialog = lazy(async () => import('../../shell/confirm-dialog.js'));

const NOW_MS = 10_000;

/** Whose token it is, what happened with it, and how to end it. */
export function TraceResult({ trace }: { readonly trace: Trace }): ReactNode {
  const { entries, tokens, liveSiblings, untriedKeys } = trace;
  const [issuance] = entries;
  return (
    <>
      {untriedKeys.length > 0 && (
        <p role="alert" className="failure">
          The result may be incomplete: former fingerprint keys are no longer available (
          {untriedKeys.join(', ')}).
        </p>
      )}
      {issuance ? (
        <Found
          issuance={issuance}
          entries={entries}
          isRevoked={tokens[0]?.status === 'revoked'}
          siblings={liveSiblings}
        />
      ) : (
        <p role="status">
          <strong>Not in the log.</strong> This service did not issue this token
          {untriedKeys.length === 0 ? '.' : ', or its fingerprint key is gone.'}
        </p>
      )}
    </>
  );
}

function Found({
  issuance,
  entries,
  isRevoked,
  siblings,
}: {
  readonly issuance: ListedEntry;
  readonly entries: readonly ListedEntry[];
  readonly isRevoked: boolean;
  readonly siblings: readonly ListedEntry[];
}): ReactNode {
  const { me } = useSignedIn();
  const zone = useZone();
  const now = useNow(NOW_MS);
  const owner = targetOf(issuance) ?? actorOf(issuance);
  const expiresAt = Date.parse(entries.at(-1)?.entry.token?.expiresOn ?? '');
  const isLive = expiresAt > now && !isRevoked;
  const identityId = issuance.entry.target?.identityId;
  return (
    <>
      <h2 role="status">
        <strong>{owner.text}</strong>
        {isLive ? ' holds it.' : ' held it.'}{' '}
        {isRevoked ? 'It is revoked, and expires' : isLive ? 'It expires' : 'It expired'}{' '}
        {relative(expiresAt, now)}, at {instant(expiresAt, zone)}.
      </h2>
      <ol className="timeline">
        {entries.map((listed) => (
          <li key={listed.entry.id}>
            <time dateTime={listed.entry.recordedAt}>
              {instant(Date.parse(listed.entry.recordedAt), zone)}
            </time>
            <span>
              <OutcomeSign outcome={listed.entry.outcome} /> <SentenceText listed={listed} />{' '}
              <EntryLink listed={listed} />
            </span>
          </li>
        ))}
      </ol>
      <p>
        {siblings.length === 0
          ? 'No other live token of this identity is known.'
          : `${siblings.length} other live tokens of this identity:`}
      </p>
      {siblings.length > 0 && (
        <ul>
          {siblings.map((listed) => (
            <li key={listed.entry.id}>
              <SentenceText listed={listed} /> <EntryLink listed={listed} />
            </li>
          ))}
        </ul>
      )}
      {identityId !== undefined && may(me, 'CommunicationToken.Revoke.All') && (
        <Revoke identityId={identityId} owner={owner.text} tokens={siblings.length + +isLive} />
      )}
    </>
  );
}

function EntryLink({ listed }: { readonly listed: ListedEntry }): ReactNode {
  const at = Date.parse(listed.entry.recordedAt);
  const parameters = new URLSearchParams({
    from: new Date(at - 600_000).toISOString(),
    to: new Date(at + 600_000).toISOString(),
    entry: listed.entry.id,
  });
  return <a href={fragmentOf({ page: 'search', parameters })}>#{listed.index}</a>;
}

/** Revokes all tokens of the identity. */
function Revoke({
  identityId,
  owner,
  tokens,
}: {
  readonly identityId: string;
  readonly owner: string;
  readonly tokens: number;
}): ReactNode {
  const api = useApi();
  const [isAsking, setIsAsking] = useState<boolean>();
  const [state, setState] = useState<{
    readonly isBusy?: boolean;
    readonly error?: Error;
    readonly minutes?: number;
  }>({});
  const ask = (): void => {
    setIsAsking(true);
  };
  useKeys({ r: ask });
  const revoke = async (): Promise<void> => {
    setState({ isBusy: true });
    try {
      const { effectiveWithinMinutes: minutes } = await api.json<{
        effectiveWithinMinutes: number;
      }>('POST', `/v1/identities/${identityId}/tokens/revoke`);
      setState({ minutes });
      setIsAsking(false);
    } catch (error) {
      setState({ error: error instanceof Error ? error : new Error(String(error)) });
    }
  };
  const done = state.minutes !== undefined && (
    <p role="status" className="done">
      <strong>All tokens of {owner} are revoked.</strong> ACS may accept them for another{' '}
      {state.minutes} minutes.{' '}
      <a
        href={fragmentOf({
          page: 'search',
          parameters: new URLSearchParams({ range: '1h', action: 'token.revoke', identityId }),
        })}
      >
        See it in the log
      </a>
    </p>
  );
  return (
    <>
      {done || (
        <p>
          <Button appearance="primary" onClick={ask} title="Key: r">
            {tokens > 1 ? `Revoke all ${tokens}…` : 'Revoke…'}
          </Button>
        </p>
      )}
      {isAsking !== undefined && (
        <Suspense>
          <ConfirmDialog
            isOpen={isAsking}
            title={`Revoke all tokens of ${owner}?`}
            effect={
              <>
                {tokens} live {tokens === 1 ? 'token' : 'tokens'} of identity {identityId} will stop
                to work, and {owner} has to get a new one. Nothing else changes.
              </>
            }
            typed={{ text: identityId.slice(-4), what: 'the last 4 characters of the identity' }}
            action="Revoke"
            isBusy={state.isBusy === true}
            error={state.error ?? null}
            onConfirm={() => void revoke()}
            onClose={() => {
              setIsAsking(false);
            }}
          />
        </Suspense>
      )}
    </>
  );
}
