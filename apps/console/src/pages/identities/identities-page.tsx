import { type components, ProblemError } from '@acs-identity/client';
import { Button, Input } from '@fluentui/react-components';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import type { Api, Query } from '../../api/api.js';
import { useSignedIn } from '../../api/api-context.js';
import type { Identity } from '../../api/schemas.js';
import { type Me, may } from '../../api/me.js';
import { fragmentOf, useAddress } from '../../shell/address.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { USER_ID, UUID } from '../../shell/id-forms.js';
import { useKeys } from '../../shell/keys.js';
import { useZone } from '../../shell/use-zone.js';
import { Waiting } from '../../shell/waiting.js';
import { instant } from '../../time/format.js';
import { OtherKinds } from '../search/other-kinds-links.js';
import { IdentityActs } from './identity-acts.js';
import { openPerson } from './open-person.js';

/** A UUID of version 7. */
const IDENTITY_ID = /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/i;
const READ = 'CommunicationIdentity.Read.All';

/** The identities of a person of the own tenant, and what an administrator does with them. */
export default function IdentitiesPage(): ReactNode {
  const { me, session } = useSignedIn();
  const { identityScopes } = session.provider;
  if (may(me, READ)) return <Identities />;
  return (
    <section className="page" aria-label="Identities">
      <h1>Identities</h1>
      {session.hasRequested(identityScopes) ? (
        <p>
          This page needs the permission {READ}, which your account does not have. An administrator
          of your directory assigns it as an app role of this service.
        </p>
      ) : (
        <>
          <p>This page needs the permission {READ}, which this sign-in did not request.</p>
          <p>
            <Button onClick={() => void session.signInFor(identityScopes)}>
              Sign in for identities
            </Button>
          </p>
        </>
      )}
    </section>
  );
}

function Identities(): ReactNode {
  const { api, me } = useSignedIn();
  const { id, parameters, personal } = useAddress();
  const wanted = id ?? parameters.get('person') ?? personal.person;
  const [typed, setTyped] = useState(wanted ?? '');
  const found = useInfiniteQuery({
    queryKey: ['identities', wanted],
    // Others change identities too.
    gcTime: 0,
    enabled: wanted !== undefined,
    initialPageParam: undefined as Query | undefined,
    getNextPageParam: ({ next }: Found) => next,
    queryFn: async ({ pageParam, signal }) =>
      pageParam ? list(api, pageParam, signal) : find(api, me, wanted ?? '', signal),
  });
  const refresh = (): void => {
    if (wanted !== undefined) void found.refetch();
  };
  useKeys({ '.': refresh });
  useEffect(() => {
    if (wanted === undefined) fieldOf()?.focus();
    else setTyped(wanted);
  }, [wanted]);
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  const isOnePerson = new Set(items.map(({ subject }) => subject)).size === 1;
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
          if (person === wanted) refresh();
          else openPerson(person);
        }}
      >
        <Input
          id="person"
          aria-label="Person or identity"
          aria-describedby="person-hint"
          placeholder="name or id"
          value={typed}
          onChange={(_event, { value }) => {
            setTyped(value);
          }}
        />
        <Button type="submit" appearance="primary">
          Find
        </Button>
      </form>
      <p id="person-hint" className="soft">
        A name or its beginning, an object id, the id of an identity, 8:acs:…, or the id of your
        tenant for all.
      </p>
      {found.error && <FailureMessage error={found.error} onRetry={refresh} />}
      {found.isFetching && <Waiting what="Looking up" />}
      {found.data && items.length === 0 && (
        <p role="status">
          Your tenant has no identity of “{wanted}”. Deleted ones are not listed, and a name is
          found only if an administrator gave it
          {me.audit === 'none'
            ? '.'
            : ': look for the name in Search, and open the person from there.'}
          {me.audit !== 'none' && UUID.test(wanted ?? '') && (
            <OtherKinds filter={{ name: 'identityId', value: wanted ?? '' }} />
          )}
        </p>
      )}
      {isOnePerson
        ? items.map((identity) => (
            <article key={identity.id} className="identity">
              <Facts identity={identity} />
              <IdentityActs identity={identity} hasKeys={items.length === 1} onDone={refresh} />
            </article>
          ))
        : items.length > 0 && <People items={items} />}
      {found.hasNextPage && (
        <p>
          <Button onClick={() => void found.fetchNextPage()}>More</Button>
        </p>
      )}
    </section>
  );
}

function fieldOf(): HTMLElement | null {
  return document.getElementById('person');
}

interface Found {
  readonly items: readonly Identity[];
  /** What the next page is asked with. */
  readonly next: Query | undefined;
}

/** The identities of a person, of those whose name begins with a text, or of the tenant; or the one with an id. */
async function find(api: Api, me: Me, wanted: string, signal: AbortSignal): Promise<Found> {
  if (IDENTITY_ID.test(wanted)) {
    try {
      const path = `/v1/identities/${wanted}`;
      return { items: [await api.json<Identity>('GET', path, { signal })], next: undefined };
    } catch (error) {
      // It may be the subject of a person as well.
      if (!(error instanceof ProblemError) || error.status !== 404) throw error;
    }
  }
  if (USER_ID.test(wanted)) return list(api, { communicationUserId: wanted }, signal);
  if (wanted.toLowerCase() === me.tenant) return list(api, { tenant: wanted }, signal);
  if (/\s/.test(wanted)) return list(api, { displayName: wanted }, signal);
  const found = await list(api, { subject: wanted }, signal);
  if (found.items.length > 0 || UUID.test(wanted)) return found;
  return list(api, { displayName: wanted }, signal);
}

async function list(api: Api, query: Query, signal: AbortSignal): Promise<Found> {
  const { items, nextCursor } = await api.json<components['schemas']['IdentityPage']>(
    'GET',
    '/v1/identities',
    { query: { ...query, limit: 100 }, signal },
  );
  return { items, next: nextCursor === null ? undefined : { ...query, cursor: nextCursor } };
}

/** Several people, of whom one is chosen. */
function People({ items }: { readonly items: readonly Identity[] }): ReactNode {
  return (
    <table>
      <thead>
        <tr>
          {['name', 'status', 'kind', 'person', 'ACS resource'].map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {items.map(({ id, displayName, status, kind, subject, resource }) => (
          <tr key={id}>
            <td>
              <a
                href={fragmentOf({
                  page: 'identities',
                  parameters: new URLSearchParams({ person: id }),
                })}
              >
                {displayName ?? id}
              </a>
            </td>
            <td>{status}</td>
            <td>{kind}</td>
            <td className="hash">{subject}</td>
            <td>{resource}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Facts({ identity }: { readonly identity: Identity }): ReactNode {
  const { me } = useSignedIn();
  const zone = useZone();
  const { displayName, subject, tenant, kind, status, isRevoking, resource, id } = identity;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['status', `${status}${isRevoking ? ', its tokens are being revoked' : ''}`],
    ['kind', kind],
    ['person', subject],
    ['tenant', tenant],
    ['identity', id],
    ['ACS identity', identity.communicationUserId],
    ['ACS resource', resource],
    ['created', instant(Date.parse(identity.createdAt), zone)],
    ['changed', instant(Date.parse(identity.updatedAt), zone)],
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
      {me.audit !== 'none' && (
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
      )}
    </>
  );
}
