import type { components } from '@acs-identity/client';
import { Button } from '@fluentui/react-components';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import type { Api } from '../../api/api.js';
import { useSignedIn } from '../../api/api-context.js';
import { type Me, may } from '../../api/me.js';
import type { Identity } from '../../api/schemas.js';
import { counted } from '../../entries/counted.js';
import { useKeys } from '../../shell/keys.js';

const ConfirmDialog = lazy(async () => import('../../shell/confirm-dialog.js'));

/** An act on an identity. Who may not do it does not see it. */
interface Act {
  readonly label: string;
  readonly key: string;
  readonly effect: string;
  readonly isFor: (me: Me, identity: Identity) => boolean;
  readonly hasReason?: boolean;
  /** @returns what was done, in words */
  readonly run: (api: Api, identity: Identity, reason: string) => Promise<string>;
}

const WRITE = 'CommunicationIdentity.ReadWrite.All';

const ACTS: readonly Act[] = [
  {
    label: 'Revoke tokens',
    key: 'r',
    effect: 'All tokens of this identity stop to work. The person may get a new one.',
    isFor: (me, { status }) => may(me, 'CommunicationToken.Revoke.All') && status === 'active',
    run: async (api, { id }) => {
      const { effectiveWithinMinutes } = await api.json<
        components['schemas']['RevocationResponse']
      >('POST', `/v1/identities/${id}/tokens/revoke`);
      return `The revocation of all tokens is requested. ACS accepts them until it has confirmed it, and for up to ${counted(effectiveWithinMinutes, 'minute')} after that.`;
    },
  },
  {
    label: 'Suspend',
    key: 'p',
    effect: 'All tokens of this identity stop to work, and it gets no new one until it is resumed.',
    isFor: (me, { status }) => may(me, WRITE) && status === 'active',
    run: async (api, identity) => patch(api, identity, 'suspended'),
  },
  {
    label: 'Resume',
    key: 'p',
    effect: 'The identity gets tokens again.',
    isFor: (me, { status }) => may(me, WRITE) && status === 'suspended',
    run: async (api, identity) => patch(api, identity, 'active'),
  },
  {
    label: 'Erase the person',
    key: 'x',
    effect:
      'Deletes all identities of this person in every ACS resource, with their data at ACS, and then erases the person’s names, addresses and user agents beside the audit log. The entries stay. It can not be undone.',
    // Both halves, or none: the log still has the names of a person whose identities alone are gone.
    isFor: (me) => may(me, WRITE) && may(me, 'AuditLog.Erase.All') && me.audit === 'all',
    hasReason: true,
    run: erasePerson,
  },
];

export function IdentityActs({
  identity,
  hasKeys,
  onDone,
}: {
  readonly identity: Identity;
  /** Whether it is the only one that is shown, so that keys act on it. */
  readonly hasKeys: boolean;
  readonly onDone: () => void;
}): ReactNode {
  const { api, me } = useSignedIn();
  const [act, setAct] = useState<Act>();
  const [isOpen, setIsOpen] = useState(false);
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const [done, setDone] = useState('');
  const run = async (chosen: Act, reason: string): Promise<void> => {
    setIsBusy(true);
    setError(null);
    try {
      setDone(await chosen.run(api, identity, reason));
      setIsOpen(false);
      onDone();
    } catch (cause) {
      setError(cause instanceof Error ? cause : new Error(String(cause)));
    }
    setIsBusy(false);
  };
  const acts = ACTS.filter(({ isFor }) => isFor(me, identity));
  const ask = (chosen: Act): void => {
    setError(null);
    setAct(chosen);
    setIsOpen(true);
  };
  useKeys(
    Object.fromEntries(
      (hasKeys ? acts : []).map((one) => [
        one.key,
        () => {
          ask(one);
        },
      ]),
    ),
  );
  return (
    <>
      <p className="buttons">
        {acts.map((one) => (
          <Button
            key={one.label}
            {...(hasKeys && { title: `Key: ${one.key}` })}
            onClick={() => {
              ask(one);
            }}
          >
            {one.label}…
          </Button>
        ))}
      </p>
      {done !== '' && <p role="status">{done}</p>}
      {act && (
        <Suspense>
          <ConfirmDialog
            key={act.label}
            isOpen={isOpen}
            title={`${act.label}: ${identity.displayName ?? identity.subject}?`}
            effect={act.effect}
            typed={{ text: identity.id.slice(-4), what: 'the last 4 characters of the identity' }}
            hasReason={act.hasReason === true}
            action={act.label}
            isBusy={isBusy}
            error={error}
            onConfirm={(reason) => void run(act, reason)}
            onClose={() => {
              setIsOpen(false);
            }}
          />
        </Suspense>
      )}
    </>
  );
}

async function patch(
  api: Api,
  { id, version }: Identity,
  status: 'active' | 'suspended',
): Promise<string> {
  // Refused when somebody else has changed it since it was shown.
  const headers = { 'if-match': `"${version}"` };
  await api.json('PATCH', `/v1/identities/${id}`, { body: { status }, headers });
  return status === 'active' ? 'The identity is resumed.' : 'The identity is suspended.';
}

/** Deletes the identities first: their deletion is recorded with a name, which the second half erases. */
async function erasePerson(
  api: Api,
  { tenant, subject }: Identity,
  reason: string,
): Promise<string> {
  const deleted = await api.json<components['schemas']['IdentityErasure']>(
    'POST',
    '/v1/identities/erase',
    { body: { tenant, subject } },
  );
  const erased = await api.json<components['schemas']['PersonalDataErasure']>(
    'POST',
    '/v1/audit/erase',
    { body: { tenant, subject, reason } },
  );
  const rest = deleted.isComplete
    ? ''
    : ' ACS has not confirmed all deletions yet; the service continues. Erase again afterwards.';
  return `${counted(deleted.identities.length, 'identity', 'identities')} deleted and ${counted(erased.erasedRows, 'row')} of personal values erased: entry #${erased.auditEntry.index}.${rest}`;
}
