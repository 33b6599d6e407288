import { InMemoryWebStorage, OidcClient, WebStorageStateStore } from 'oidc-client-ts';
import { SAMPLE_APPS, SAMPLE_PEOPLE } from '../../../apps/emulator/src/index.js';
import { consoleProviders } from '../../../apps/local/src/console-providers.js';
import type { Service } from '../../support/service.js';

/** How a person comes back to the console from the provider. */
export interface Redirect {
  readonly url: string;
  /** What the console keeps in `sessionStorage` during a redirect. */
  readonly kept: Readonly<Record<string, string>>;
}

interface Provider {
  readonly name: string;
  readonly authority: string;
  readonly scopes: readonly string[];
}

/**
 * Begins a sign-in as the console does and picks a person at the emulator, without the pages of either: they are an
 * eighth of the CPU time of a browser.
 */
export async function redirectOf(
  { emulator, url }: Service,
  displayName: string,
  fragment: string,
): Promise<Redirect> {
  const [provider] = JSON.parse(consoleProviders(emulator, emulator.entraHttpUrl)) as [Provider];
  const store = new InMemoryWebStorage();
  const client = new OidcClient({
    authority: provider.authority,
    client_id: SAMPLE_APPS['sample-web-app'].clientId,
    redirect_uri: `${url}/console/`,
    stateStore: new WebStorageStateStore({ store }),
  });
  const { url: authorize } = await client.createSigninRequest({
    request_type: 'si:r',
    scope: ['openid', 'profile', 'offline_access', ...provider.scopes].join(' '),
    nonce: crypto.randomUUID(),
    state: { fragment, personal: {}, scopes: provider.scopes },
  });
  const person = Object.values(SAMPLE_PEOPLE).find((one) => one.displayName === displayName);
  const login = await fetch(`${emulator.entraHttpUrl}/common/login`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({
      request: new URL(authorize).search.slice(1),
      person: person?.name ?? '',
    }),
  });
  const back = login.headers.get('location');
  if (back === null) throw new Error(`${displayName} was not signed in: ${await login.text()}`);
  const states = Array.from({ length: store.length }, (_, nth) => store.key(nth));
  return {
    url: back,
    kept: {
      'console.provider': provider.name,
      ...Object.fromEntries(states.map((key) => [key, store.getItem(key)])),
    },
  };
}
