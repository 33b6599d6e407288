import { type components, ProblemError } from '@acs-identity/client';
import { Button, Input } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import type { Api } from '../../api/api.js';
import { useSignedIn } from '../../api/api-context.js';
import type { Identity } from '../../api/schemas.js';
import { may } from '../../api/me.js';
import { fragmentOf, go, useAddress } from '../../shell/address.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { USER_ID } from '../../shell/recognise.js';
import { Waiting } from '../../shell/waiting.js';
import { IdentityActs } from './identity-acts.js';

/** A UUID of version 7. */
const IDENTITY_ID = /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/i;
const READ = 'CommunicationIdentity.Read.All';

/** The identities of a person of the own tenant, and what an administrator does with them. */
export default function IdentitiesPage(): ReactNode {
  const { me, session } = useSignedIn();
  if (may(me, READ)) return <Identities />;
  return (
    <section className="page" aria-label="Identities">
      <h1>Identities</h1>
      <p>This page needs the permission {READ}, which this sign-in did not request.</p>
      <p>
        <Button onClick={() => void session.signIn(session.provider.identityScopes)}>
          Sign in for identities
        </Button>
      </p>
    </section>
  );
}

function Identities(): ReactNode {
  const { api } = useSignedIn();
  const { parameters } = useAddress();
  const wanted = parameters.get('person');
  const [typed, setTyped] = useState(wanted ?? '');
  const found = useQuery({
    queryKey: ['identities', wanted],
    enabled: wanted !== null,
    queryFn: async ({ signal }) => find(api, wanted ?? '', signal),
  });
  useEffect(() => {
    if (wanted === null) fieldOf()?.focus();
    else setTyped(wanted);
  }, [wanted]);
  return (
    <section className="page" aria-label="Identities">
      <h1>Identities</h1>
      <form
        className="find"
        onSubmit={(event) => {
          event.preventDefault();
          // So that the keys of the page work.
          fieldOf()?.blur();
          const person = typed.trim();
          if (person !== '')
            go({ page: 'identities', parameters: new URLSearchParams({ person }) });
        }}
      >
        <Input
          id="person"
          aria-label="Subject of a person, id of an identity, or ACS identity"
          placeholder="subject (object id), id of an identity, or 8:acs:…"
          value={typed}
          onChange={(_event, { value }) => {
            setTyped(value);
          }}
        />
        <Button type="submit" appearance="primary">
          Find
        </Button>
      </form>
      {found.error && <FailureMessage error={found.error} onRetry={() => void found.refetch()} />}
      {found.isFetching && <Waiting what="Looking up" />}
      {found.data?.length === 0 && (
        <p role="status">Your tenant has no identity of “{wanted}”. Deleted ones are not listed.</p>
      )}
      {found.data?.map((identity) => (
        <article key={identity.id} className="identity">
          <Facts identity={identity} />
          <IdentityActs
            identity={identity}
            hasKeys={found.data.length === 1}
            onDone={() => void found.refetch()}
          />
        </article>
      ))}
    </section>
  );
}

function fieldOf(): HTMLElement | null {
  return document.getElementById('person');
}

/** The identities of a person, or the one with an id. */
async function find(api: Api, wanted: string, signal: AbortSignal): Promise<readonly Identity[]> {
  if (IDENTITY_ID.test(wanted)) {
    try {
      return [await api.json<Identity>('GET', `/v1/identities/${wanted}`, { signal })];
    } catch (error) {
      // It may be the subject of a person as well.
      if (!(error instanceof ProblemError) || error.status !== 404) throw error;
    }
  }
  const query = USER_ID.test(wanted) ? { communicationUserId: wanted } : { subject: wanted };
  const { items } = await api.json<components['schemas']['IdentityPage']>('GET', '/v1/identities', {
    query: { ...query, limit: 100 },
    signal,
  });
  return items;
}

function Facts({ identity }: { readonly identity: Identity }): ReactNode {
  const { displayName, subject, tenant, kind, status, isRevoking, resource, id } = identity;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['status', `${status}${isRevoking ? ', its tokens are being revoked' : ''}`],
    ['kind', kind],
    ['person', subject],
    ['tenant', tenant],
    ['identity', id],
    ['ACS identity', identity.communicationUserId],
    ['ACS resource', resource],
    ['created', identity.createdAt],
    ['changed', identity.updatedAt],
  ];
  return (
    <>
      <h2>{displayName ?? subject}</h2>
      <dl className="parts">
        {facts.map(
          ([name, value]) =>
            value !== undefined && (
              <div key={name} className="part">
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      <p>
        <a
          href={fragmentOf({
            page: 'search',
            parameters: new URLSearchParams({ range: '7d', identityId: id }),
          })}
        >
          Its entries in the log
        </a>
      </p>
    </>
  );
}
