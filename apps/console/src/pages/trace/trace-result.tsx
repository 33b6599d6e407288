import { Button } from '@fluentui/react-components';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import type { ListedEntry } from '../../api/api.js';
import { useApi, useSignedIn } from '../../api/api-context.js';
import { may } from '../../api/me.js';
import { counted } from '../../entries/counted.js';
import { OutcomeSign } from '../../entries/outcome.js';
import { actorOf, targetOf } from '../../entries/people.js';
import { SentenceText } from '../../entries/sentence.js';
import { fragmentOf } from '../../shell/address.js';
import { useKeys } from '../../shell/keys.js';
import type { TracedText } from '../../shell/recognise.js';
import { useNow } from '../../shell/use-now.js';
import { useZone } from '../../shell/use-zone.js';
import { instant, relative } from '../../time/format.js';
import type { Trace } from '../../api/schemas.js';
import { NothingFound } from './nothing-found.js';

const ConfirmDialog = lazy(async () => import('../../shell/confirm-dialog.js'));

const NOW_MS = 10_000;

/** Whose token it is, what happened with it, and how to end it. */
export function TraceResult({
  trace,
  what,
  onTraceCaller,
}: {
  readonly trace: Trace;
  readonly what: TracedText;
  readonly onTraceCaller: (tokenId: string) => void;
}): ReactNode {
  const { entries, untriedKeys } = trace;
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
        <Found issuance={issuance} trace={trace} />
      ) : (
        <NothingFound
          what={what}
          isComplete={untriedKeys.length === 0}
          onTraceCaller={onTraceCaller}
        />
      )}
      {what.is === 'token' && what.tokens > 1 && (
        <p>The text has {what.tokens} tokens. This is about one of them: paste the others alone.</p>
      )}
    </>
  );
}

function Found({
  issuance,
  trace,
}: {
  readonly issuance: ListedEntry;
  readonly trace: Trace;
}): ReactNode {
  const { me } = useSignedIn();
  const zone = useZone();
  const { entries, tokens, liveSiblings: siblings } = trace;
  const owner = targetOf(issuance) ?? actorOf(issuance);
  const isAny = may(me, 'CommunicationToken.Revoke.All') && siblings.length > 0;
  const revocable = new Set(
    tokens.flatMap(({ identityId, canRevoke }) => (canRevoke || isAny ? (identityId ?? []) : [])),
  );
  const live = tokens.filter(({ status }) => status === 'live' || status === 'unknown').length;
  return (
    <>
      {tokens.length > 1 ? (
        <Tokens tokens={tokens} />
      ) : (
        tokens.map((token) => <State key={token.fingerprint} token={token} owner={owner.text} />)
      )}
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
          : `${counted(siblings.length, 'other live token')} of this identity:`}
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
      {[...revocable].map((identityId) => (
        <Revoke
          key={identityId}
          identityId={identityId}
          owner={ownerOf(identityId, entries)}
          tokens={revocable.size === 1 ? siblings.length + live : undefined}
        />
      ))}
    </>
  );
}

function ownerOf(identityId: string, entries: readonly ListedEntry[]): string {
  const found = entries.find(({ entry }) => entry.target?.identityId === identityId);
  return (found && targetOf(found)?.text) ?? identityId;
}

type Token = Trace['tokens'][number];

const STATES: Readonly<Record<Token['status'], string>> = {
  live: 'live',
  expired: 'expired',
  revoked: 'revoked',
  unknown: 'unknown: the answer of ACS was lost',
};

/** Whether somebody can use a token, in a sentence. */
function State({ token, owner }: { readonly token: Token; readonly owner: string }): ReactNode {
  const zone = useZone();
  const now = useNow(NOW_MS);
  const { status } = token;
  const expiresAt = Date.parse(token.expiresOn);
  const isExpired = expiresAt <= now;
  const holds = isExpired || status === 'revoked' ? ' held it.' : ' holds it.';
  return (
    <div role="status">
      <h2>
        <strong>{owner}</strong>
        {status === 'unknown' ? ' may hold it: the answer of ACS was lost.' : holds}{' '}
        {status === 'revoked'
          ? 'It is revoked, and expires'
          : isExpired
            ? 'It expired'
            : 'It expires'}{' '}
        {relative(expiresAt, now)}, at {instant(expiresAt, zone)}.
      </h2>
      <Revocation token={token} />
    </div>
  );
}

/** When the revocation of a token was requested, and whether ACS has confirmed it. */
function Revocation({ token }: { readonly token: Token }): ReactNode {
  const zone = useZone();
  const { revocationRequestedAt: requestedAt, revocationConfirmedAt: confirmedAt } = token;
  if (confirmedAt !== undefined) {
    return (
      <p>
        ACS confirmed its revocation at {instant(Date.parse(confirmedAt), zone)}, and may accept it
        for 15 minutes after that.
      </p>
    );
  }
  if (requestedAt === undefined || token.status === 'expired') return null;
  return (
    <p role="alert" className="failure">
      Revocation requested at {instant(Date.parse(requestedAt), zone)}, not confirmed by ACS yet:
      ACS still accepts it.
    </p>
  );
}

/** The state of a token in a table. */
function stateOf({ status, revocationRequestedAt, revocationConfirmedAt }: Token): string {
  const isRequested = revocationRequestedAt !== undefined && revocationConfirmedAt === undefined;
  return isRequested && status !== 'expired'
    ? `${STATES[status]}; revocation requested, not confirmed by ACS yet`
    : STATES[status];
}

/** The tokens that were issued to one token of a caller. */
function Tokens({ tokens }: { readonly tokens: readonly Token[] }): ReactNode {
  const zone = useZone();
  return (
    <>
      <div role="status">
        <h2>{tokens.length} tokens were issued to it.</h2>
      </div>
      <table>
        <thead>
          <tr>
            {['token', 'state', 'expires', 'identity', 'can be revoked'].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {tokens.map((token) => {
            const { fingerprint, expiresOn, identityId, canRevoke } = token;
            return (
              <tr key={fingerprint}>
                <td className="hash">
                  <a
                    href={fragmentOf({
                      page: 'search',
                      parameters: new URLSearchParams({ range: '90d', fingerprint }),
                    })}
                  >
                    {fingerprint.slice(0, 8)}…
                  </a>
                </td>
                <td>{stateOf(token)}</td>
                <td>{instant(Date.parse(expiresOn), zone)}</td>
                <td className="hash">{identityId ?? '—'}</td>
                <td>{canRevoke ? 'yes' : 'no'}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
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
  /** Its live tokens. Absent where several identities have some; then no key revokes. */
  readonly tokens: number | undefined;
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
  useKeys(tokens === undefined ? {} : { r: ask });
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
      <strong>The revocation of all tokens of {owner} is requested.</strong> ACS accepts them until
      it has confirmed it, and for up to {counted(state.minutes ?? 0, 'minute')} after that. Trace
      the token again to see the confirmation.{' '}
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
          <Button
            appearance="primary"
            onClick={ask}
            {...(tokens !== undefined && { title: 'Key: r' })}
          >
            {labelOf(tokens, owner)}
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
                {tokens === undefined ? 'All live tokens' : counted(tokens, 'live token')} of
                identity {identityId} will stop to work, and {owner} has to get a new one. Nothing
                else changes.
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

function labelOf(tokens: number | undefined, owner: string): string {
  if (tokens === undefined) return `Revoke all tokens of ${owner}…`;
  return tokens > 1 ? `Revoke all ${tokens}…` : 'Revoke…';
}
