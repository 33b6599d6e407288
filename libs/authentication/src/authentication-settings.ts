import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { defineSettings, httpsOrigin, type SettingsOf, wholeNumber } from '#libs/platform';

/** How the client app proved itself, in Entra's numbers (`azpacr`, `appidacr`). */
const CLIENT_AUTHENTICATION = { public: 0, secret: 1, certificate: 2 } as const;

const guid = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'must hold GUIDs, separated by commas')
  .transform((text) => text.toLowerCase());

const network = z.string().transform((text, context) => {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  const widest = family === 6 ? 128 : 32;
  const prefix = bits === undefined ? widest : /^\d{1,3}$/.test(bits) ? Number(bits) : NaN;
  if (family !== 0 && prefix <= widest && rest.length === 0) return { address, family, prefix };
  context.addIssue('must hold addresses or networks such as 10.0.0.0/8, separated by commas');
  return z.NEVER;
});

/** Comma-separated values that each pass the schema. */
function listOf<T extends z.ZodType<unknown, string>>(
  item: T,
): z.ZodType<readonly z.output<T>[], string> {
  return z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .transform((parts) => parts.filter((part) => part !== ''))
    .pipe(z.array(item));
}

const fields = z.object({
  ENTRA_TENANT_ID: guid.describe(
    'the directory (tenant) id of the organisation that runs the service, as the Entra admin center shows it',
  ),
  ENTRA_ALLOWED_TENANT_IDS: listOf(guid)
    .prefault('')
    .describe(
      'further tenants whose tokens are accepted, as directory ids separated by commas; none when empty',
    ),
  ENTRA_AUDIENCE: listOf(z.string().max(256))
    .refine((items) => items.length > 0, 'must name at least one audience')
    .describe(
      'what `aud` of a token must be: the application (client) id of the API’s app registration for v2.0 tokens, its application id URI for v1.0 tokens; separate several with commas',
    ),
  ENTRA_AUTHORITY: httpsOrigin()
    .prefault('https://login.microsoftonline.com')
    .describe('https address of the Entra cloud that signs the tokens'),
  ENTRA_TOKEN_VERSIONS: listOf(z.enum(['1.0', '2.0'], { error: 'must hold 1.0, 2.0 or both' }))
    .refine((items) => items.length > 0, 'must hold 1.0, 2.0 or both')
    .prefault('2.0')
    .describe(
      'the versions of access tokens that are accepted: 2.0, 1.0 or both, separated by a comma; must match `requestedAccessTokenVersion` of the app registration',
    ),
  ENTRA_ALLOWED_CLIENT_APPS: listOf(guid)
    .prefault('')
    .describe(
      'client ids of the applications that may call, separated by commas; any application with a permission may when empty',
    ),
  ENTRA_BOT_CLIENT_APPS: listOf(guid)
    .prefault('')
    .describe(
      'client ids of the applications that count as bots when they call on their own, separated by commas',
    ),
  ENTRA_MINIMUM_CLIENT_AUTHENTICATION: z
    .enum(['public', 'secret', 'certificate'], { error: 'must be public, secret or certificate' })
    .prefault('public')
    .describe(
      'the least that a client application must have shown to Entra to get its token: public (nothing), secret or certificate',
    ),
  AUTHENTICATION_CLOCK_SKEW_SECONDS: wholeNumber(0, 300)
    .prefault('60')
    .describe('seconds by which clocks of issuer and service may differ, 0 to 300'),
  AUTHENTICATION_METADATA_TIMEOUT_MS: wholeNumber(100, 30_000)
    .prefault('5000')
    .describe('milliseconds until loading an issuer’s keys is given up, 100 to 30000'),
  AUTHENTICATION_KEYS_REFRESH_MINUTES: wholeNumber(1, 1440)
    .prefault('60')
    .describe('minutes after which an issuer’s keys are loaded anew in the background, 1 to 1440'),
  AUTHENTICATION_KEYS_MAX_AGE_MINUTES: wholeNumber(1, 10_080)
    .prefault('1440')
    .describe(
      'minutes for which keys are used that could not be loaded anew; callers get 503 after that; 1 to 10080',
    ),
  AUTHENTICATION_KEYS_COOLDOWN_SECONDS: wholeNumber(1, 300)
    .prefault('5')
    .describe(
      'seconds that pass at least between two attempts to load an issuer’s keys, however many unknown key ids come in, 1 to 300',
    ),
  AUTHENTICATION_REFUSAL_WINDOW_SECONDS: wholeNumber(1, 300)
    .prefault('10')
    .describe(
      'seconds over which refused credentials of one address are counted into one audit entry for each reason, 1 to 300',
    ),
  TRUSTED_PROXIES: listOf(network)
    .prefault('')
    .describe(
      'addresses or networks of the proxies whose X-Forwarded-For header is believed, such as 10.0.0.0/8, separated by commas; the header is ignored when empty',
    ),
});

export const authenticationSettings = defineSettings('authentication', fields, (variables) => ({
  entra: {
    authority: variables.ENTRA_AUTHORITY,
    tenants: [...new Set([variables.ENTRA_TENANT_ID, ...variables.ENTRA_ALLOWED_TENANT_IDS])],
    versions: [...new Set(variables.ENTRA_TOKEN_VERSIONS)],
    audiences: variables.ENTRA_AUDIENCE,
    clientApps: variables.ENTRA_ALLOWED_CLIENT_APPS,
    botClientApps: variables.ENTRA_BOT_CLIENT_APPS,
    minimumClientAuthentication:
      CLIENT_AUTHENTICATION[variables.ENTRA_MINIMUM_CLIENT_AUTHENTICATION],
  },
  clockSkewSeconds: variables.AUTHENTICATION_CLOCK_SKEW_SECONDS,
  keys: {
    timeoutMs: variables.AUTHENTICATION_METADATA_TIMEOUT_MS,
    refreshMs: variables.AUTHENTICATION_KEYS_REFRESH_MINUTES * 60_000,
    maxAgeMs: variables.AUTHENTICATION_KEYS_MAX_AGE_MINUTES * 60_000,
    cooldownMs: variables.AUTHENTICATION_KEYS_COOLDOWN_SECONDS * 1_000,
  },
  refusalWindowMs: variables.AUTHENTICATION_REFUSAL_WINDOW_SECONDS * 1_000,
  trustedProxies: blockList(variables.TRUSTED_PROXIES),
}));

export type AuthenticationSettings = SettingsOf<typeof authenticationSettings>;
export type EntraSettings = AuthenticationSettings['entra'];
export type KeySettings = AuthenticationSettings['keys'];

function blockList(networks: readonly z.output<typeof network>[]): BlockList {
  const list = new BlockList();
  for (const { address, family, prefix } of networks)
    list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  return list;
}
