import { ProblemError } from '@acs-identity/client';
import { FluentProvider } from '@fluentui/react-components';
import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo } from 'react';
import { Api } from './api/api.js';
import { SignedInContext } from './api/api-context.js';
import type { Me } from './api/me.js';
import type { Config } from './config.js';
import { firstPage, PAGES } from './pages/pages.js';
import { address, fragmentOf, openAt } from './shell/address.js';
import { NoAnswer } from './shell/no-answer.js';
import { Shell } from './shell/shell.js';
import { useTheme } from './shell/theme.js';
import { Waiting } from './shell/waiting.js';
import { SignInEnded, type Session, type SignInFailure } from './sign-in/session.js';
import { SignInPage } from './sign-in/sign-in-page.js';

/** Entries never change, and each reading is recorded: nothing is read again without a reason. */
const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: Infinity,
      gcTime: Infinity,
      retry: false,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      networkMode: 'always',
    },
    mutations: { retry: false, networkMode: 'always' },
  },
});

interface AppProps {
  readonly config: Config;
  readonly session: Session | undefined;
  readonly failure: SignInFailure | undefined;
}

export function App({ config, session, failure }: AppProps): ReactNode {
  return (
    <Frame>
      <QueryClientProvider client={client}>
        {session?.isSignedIn === true ? (
          <Console config={config} session={session} />
        ) : (
          <SignInPage config={config} failure={failure} />
        )}
      </QueryClientProvider>
    </Frame>
  );
}

function Console({
  config,
  session,
}: {
  readonly config: Config;
  readonly session: Session;
}): ReactNode {
  const api = useMemo(() => new Api(session), [session]);
  const me = useQuery({
    queryKey: ['me'],
    queryFn: async ({ signal }): Promise<Me> => {
      // Its file comes while the service answers.
      const wanted = address().page || 'search';
      void PAGES.find(({ path }) => path === wanted)?.load();
      const found = await api.json<Me>('GET', '/v1/me', { signal });
      if (address().page === '') openAt(fragmentOf({ page: firstPage(found) }));
      return found;
    },
  });
  if (me.data)
    return (
      <SignedInContext value={{ api, session, config, me: me.data }}>
        <Shell />
      </SignedInContext>
    );
  if (!me.error || me.isFetching) return <Waiting what="Signing in" />;
  if (!isRefused(me.error)) return <NoAnswer error={me.error} onRetry={() => void me.refetch()} />;
  return <SignInPage config={config} failure={{ code: me.error.name, detail: me.error.message }} />;
}

/** Whether another sign-in may help. */
function isRefused(error: Error): boolean {
  if (error instanceof ProblemError) return error.status === 401 || error.status === 403;
  return error instanceof SignInEnded;
}

/** What everything is drawn in. */
export function Frame({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <FluentProvider theme={useTheme()} className="console">
      {children}
    </FluentProvider>
  );
}
