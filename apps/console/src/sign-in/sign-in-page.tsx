import { Button } from '@fluentui/react-components';
import { type ReactNode, useState } from 'react';
import type { Config } from '../config.js';
import { Session, type SignInFailure } from './session.js';

/** Chooses where to sign in, and says why the last sign-in did not succeed. */
export function SignInPage({
  config,
  failure,
}: {
  readonly config: Config;
  readonly failure: SignInFailure | undefined;
}): ReactNode {
  const [error, setError] = useState(failure);
  return (
    <main className="sign-in">
      <h1>Audit console</h1>
      {error && (
        <section className="failure" role="alert">
          <strong>You are not signed in</strong>
          <p>{error.detail}</p>
          <p className="soft">{error.code}</p>
        </section>
      )}
      <p>
        The audit log needs the permission AuditLog.Read.All. To administer identities without it,
        sign in for identities alone.
      </p>
      {config.providers.map((provider) => {
        const { name, identityScopes } = provider;
        const label = config.providers.length === 1 ? 'Sign in' : `Sign in with ${name}`;
        const signIn = (scopes?: readonly string[]): void => {
          new Session(provider)
            .signIn(scopes, failure && 'select_account')
            .catch((cause: unknown) => {
              setError({ code: 'sign-in', detail: String(cause) });
            });
        };
        return (
          <p key={name} className="buttons">
            <Button
              appearance="primary"
              onClick={() => {
                signIn();
              }}
            >
              {label}
            </Button>
            {identityScopes.length > 0 && (
              <Button
                onClick={() => {
                  signIn(identityScopes);
                }}
              >
                {label} for identities alone
              </Button>
            )}
          </p>
        );
      })}
    </main>
  );
}
