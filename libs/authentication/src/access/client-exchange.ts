import { z } from 'zod';
import { type AzureCloud, list } from '#libs/platform';

/** The exchanges of Microsoft's client library: of Teams Phone extensibility, and of Entra users directly (preview). */
export const CLIENT_EXCHANGES = ['teams-extension', 'entra'] as const;

export type ClientExchange = (typeof CLIENT_EXCHANGES)[number];

/** Those that are enabled, as an environment variable: names separated by commas. */
export const clientExchangeList: z.ZodType<readonly ClientExchange[], string> = list()
  .transform((names) => [...new Set(names)])
  .pipe(
    z.array(
      z.enum(CLIENT_EXCHANGES, { error: `must hold names of ${CLIENT_EXCHANGES.join(', ')}` }),
    ),
  );

/** Those that an environment enables; the settings of authentication report a value that is invalid. */
export function clientExchangesIn({
  CLIENT_EXCHANGES: names = '',
}: Readonly<Record<string, string | undefined>>): readonly ClientExchange[] {
  return clientExchangeList.safeParse(names).data ?? [];
}

/** An API of Microsoft, in whose tokens callers come to an exchange. */
interface ClientApi {
  /** The client id of its app registration. */
  readonly clientId: string;
  /** Its application id URI in a cloud, which is the audience of v1.0 tokens. */
  readonly uri: (cloud: AzureCloud) => string;
  /** The delegated scopes of which the token needs one. */
  readonly scopes: readonly [string, ...string[]];
}

/**
 * The APIs by exchange (learn.microsoft.com, "Teams Phone extensibility access" and "Microsoft Entra ID
 * authentication for Azure Communication Services").
 */
export const CLIENT_APIS: Readonly<Record<ClientExchange, ClientApi>> = {
  'teams-extension': {
    clientId: '1fd5118e-2576-4263-8130-9503064c837a',
    uri: ({ communicationDomain }) => `https://auth.msft.${communicationDomain}`,
    scopes: ['TeamsExtension.ManageCalls'],
  },
  entra: {
    clientId: '2a04943b-b6a7-4f65-8786-2bb6131b59f6',
    uri: ({ communicationDomain }) => `https://${communicationDomain}/clients`,
    scopes: ['VoIP', 'VoIP.Join'],
  },
};
