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
      <p>Sign in with the account that has the permission AuditLog.Read.All.</p>
      <p className="buttons">
        {config.providers.map((provider) => (
          <Button
            key={provider.name}
            appearance="primary"
            onClick={() => {
              new Session(provider)
                .signIn([], failure && 'select_account')
                .catch((cause: unknown) => {
                  setError({ code: 'sign-in', detail: String(cause) });
                });
            }}
          >
            {config.providers.length === 1 ? 'Sign in' : `Sign in with ${provider.name}`}
          </Button>
        ))}
      </p>
    </main>
  );
}
