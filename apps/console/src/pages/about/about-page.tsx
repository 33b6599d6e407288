import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useSignedIn } from '../../api/api-context.js';
import { FailureMessage } from '../../shell/failure-message.js';
import { Preferences } from '../../shell/preferences-form.js';

/** What this page is, who is signed in, and what cannot be proved here. */
export default function AboutPage(): ReactNode {
  const { api, me, config, session } = useSignedIn();
  const keys = useQuery({
    queryKey: ['log-keys'],
    enabled: me.audit !== 'none',
    queryFn: async ({ signal }) => api.text('/v1/audit/log/keys', { signal }),
  });
  return (
    <section className="about">
      <h1>About</h1>
      <dl className="parts">
        <Fact name="Service" value={location.origin} />
        <Fact name="Signed in as" value={me.displayName ?? me.subject ?? 'somebody'} />
        <Fact name="Tenant" value={me.tenant ?? 'none'} />
        <Fact name="Through" value={session.provider.name} />
        <Fact name="Permissions" value={me.permissions.join(', ') || 'none'} />
        <Fact name="Build" value={config.build} />
      </dl>
      <h2>What the console can not prove</h2>
      <p>
        This page comes from the service whose log it shows. A service that lies can send a page
        that lies. The build above is the SHA-256 of the file list <code>files.json</code>, with the
        hash of every file that your browser runs: compare it with that of the release. For evidence
        that does not depend on this service, save the evidence of an entry and check it with{' '}
        <code>acs-identity audit verify-proof</code> and a public key that you have from elsewhere.
      </p>
      {me.audit !== 'none' && (
        <>
          <h2>Keys of the log</h2>
          {keys.error && <FailureMessage error={keys.error} onRetry={() => void keys.refetch()} />}
          <pre tabIndex={0} aria-label="Keys of the log">
            {keys.data ?? ''}
          </pre>
        </>
      )}
      <h2>Settings of this browser</h2>
      <Preferences />
    </section>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }): ReactNode {
  return (
    <div className="part">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
