import { BlockList } from 'node:net';
import { azureCloudOf, type CanonicalName, defineSettings, type SettingsOf } from '#libs/platform';
import { CLIENT_APIS, type ClientExchange } from './access/client-exchange.js';
import { NO_PROVIDERS, tenantsOfProviders } from './built-in/providers-file.js';
import { canonicalAudience } from './jwt/audience.js';
import { entraOf } from './settings/entra-settings.js';
import { fields, tenantsOf } from './settings/rules.js';
import type { Network, Variables } from './settings/variables.js';

/** Overwrites the forwarding headers of each request, and is all that reaches the port of its handler. */
const FUNCTIONS_HOST = { address: '127.0.0.1', family: 4, prefix: 32 } as const;

export const authenticationSettings = defineSettings('authentication', fields, (values) => ({
  mode: values.AUTHENTICATION_MODE,
  /** Whether headers of built-in authentication count although no platform of Azure is known to set them. */
  isPlatformAssumed: values.AUTHENTICATION_APP_SERVICE_OVERRIDE !== undefined,
  entra: entraOf(values),
  trustedIssuers: values.TRUSTED_ISSUERS ?? [],
  clientExchanges: clientExchangesOf(values),
  providers: values.AUTHENTICATION_PROVIDERS_FILE ?? NO_PROVIDERS,
  clockSkewSeconds: values.AUTHENTICATION_CLOCK_SKEW_SECONDS,
  keys: {
    timeoutMs: values.AUTHENTICATION_METADATA_TIMEOUT_MS,
    refreshMs: values.AUTHENTICATION_KEYS_REFRESH_MINUTES * 60_000,
    maxAgeMs: values.AUTHENTICATION_KEYS_MAX_AGE_MINUTES * 60_000,
    cooldownMs: values.AUTHENTICATION_KEYS_COOLDOWN_SECONDS * 1_000,
  },
  failuresPerMinute: values.AUTHENTICATION_FAILURES_PER_MINUTE,
  requestsPerMinute: values.AUTHENTICATION_REQUESTS_PER_MINUTE,
  rejectionEntriesPerMinute: values.AUTHENTICATION_REFUSAL_ENTRIES_PER_MINUTE,
  denialWindowMs: values.AUTHENTICATION_REFUSAL_WINDOW_SECONDS * 1_000,
  trustedProxies: blockList([...values.TRUSTED_PROXIES, ...functionsHostOf(values)]),
  clientAddressHeader: values.CLIENT_ADDRESS_HEADER,
}));

export type AuthenticationSettings = SettingsOf<typeof authenticationSettings>;
export type KeySettings = AuthenticationSettings['keys'];

/** Every tenant that a caller can have. */
export function acceptedTenants({
  entra,
  trustedIssuers,
  providers,
}: AuthenticationSettings): readonly CanonicalName[] {
  const issuers = entra === undefined ? trustedIssuers : [entra, ...trustedIssuers];
  return [...issuers.flatMap(tenantsOf), ...tenantsOfProviders(providers)];
}

/** The exchanges that are enabled, with the audiences of their tokens in the cloud of the service. */
function clientExchangesOf(values: Variables): readonly {
  readonly exchange: ClientExchange;
  readonly audiences: readonly CanonicalName[];
}[] {
  const cloud = azureCloudOf(values);
  return values.CLIENT_EXCHANGES.map((exchange) => {
    const { clientId, uri } = CLIENT_APIS[exchange];
    return { exchange, audiences: [clientId, uri(cloud)].map(canonicalAudience) };
  });
}

/** The host of Azure Functions, where it has started the process; it sets this variable. */
function functionsHostOf(
  values: Variables & Record<string, unknown>,
): readonly (typeof FUNCTIONS_HOST)[] {
  return values.FUNCTIONS_CUSTOMHANDLER_PORT === undefined ? [] : [FUNCTIONS_HOST];
}

function blockList(networks: readonly Network[]): BlockList {
  const list = new BlockList();
  for (const { address, family, prefix } of networks)
    list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  return list;
}
