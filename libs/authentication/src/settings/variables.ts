import { isIP } from 'node:net';
import { z } from 'zod';
import { ADVANCED, canonicalName, GUID_PATTERN, httpsOrigin, integer, list } from '#libs/platform';
import { authenticationContextList } from '../access/authentication-contexts.js';
import { clientExchangeList } from '../access/client-exchange.js';
import { providersFile } from '../built-in/providers-file.js';
import { canonicalAudience } from '../jwt/audience.js';
import { issueScopeAlias, trustedIssuers } from '../trusted-issuers.js';

/** The value that allows the modes of built-in authentication outside their platforms. */
const APP_SERVICE_OVERRIDE = 'anyone-who-reaches-this-process-may-claim-to-be-anyone';

const guid = z
  .string()
  .regex(GUID_PATTERN, 'must hold GUIDs, separated by commas')
  .transform(canonicalName);

const network = z.string().transform((text, context) => {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  const maxPrefix = family === 6 ? 128 : 32;
  const prefix = bits === undefined ? maxPrefix : /^\d{1,3}$/.test(bits) ? Number(bits) : NaN;
  if (family !== 0 && prefix <= maxPrefix && rest.length === 0) return { address, family, prefix };
  context.addIssue('must hold addresses or networks such as 10.0.0.0/8, separated by commas');
  return z.NEVER;
});

export type Network = z.output<typeof network>;

/** Comma-separated values of one schema. */
function listOf<T extends z.ZodType<unknown, string>>(
  item: T,
): z.ZodType<readonly z.output<T>[], string> {
  return list()
    .transform((texts) => [...texts])
    .pipe(z.array(item));
}

/** Without effect where the platform verifies the tokens. */
const bearerVariables = {
  ENTRA_AUTHORITY: httpsOrigin()
    .optional()
    .describe(
      'https address of the Entra cloud that issues the tokens; default: that of AZURE_CLOUD, https://login.microsoftonline.com',
    ),
  ENTRA_TOKEN_VERSIONS: listOf(z.enum(['1.0', '2.0'], { error: 'must hold 1.0, 2.0 or both' }))
    .refine((items) => items.length > 0, 'must hold 1.0, 2.0 or both')
    .prefault('2.0')
    .describe(
      'accepted versions of access tokens: 2.0, 1.0 or both, separated by a comma; must match `requestedAccessTokenVersion` of the app registration',
    ),
  ENTRA_MINIMUM_CLIENT_AUTHENTICATION: z
    .enum(['public', 'secret', 'certificate'], { error: 'must be public, secret or certificate' })
    .prefault('public')
    .describe(
      'minimum authentication of the client application at Entra: public (none), secret or certificate',
    ),
  ENTRA_REQUIRED_AUTHENTICATION_CONTEXT: authenticationContextList
    .optional()
    .describe(
      'Conditional Access authentication context required of users, who get a claims challenge without it: an id, c1 to c99, for all permissions, or pairs for single ones, such as AuditLog.Read.All=c1,CommunicationIdentity.ReadWrite.All=c2; none if not set',
    ),
  CLIENT_EXCHANGES: clientExchangeList
    .prefault('')
    .describe(
      'exchanges of Microsoft’s client library that this service takes in the place of ACS, separated by commas: teams-extension (Teams Phone extensibility), entra (Entra users directly, a preview); none if empty; the issuance policy must allow them too; docs/teams-phone.md describes them',
    ),
  TRUSTED_ISSUERS: trustedIssuers
    .optional()
    .describe(
      'other OpenID providers whose access tokens are accepted: a JSON list, or the path of a file with one; docs/security.md describes its members',
    ),
  AUTHENTICATION_CLOCK_SKEW_SECONDS: integer(0, 300)
    .prefault('60')
    .describe('tolerated clock skew between issuer and service, in seconds, 0 to 300')
    .meta(ADVANCED),
  AUTHENTICATION_METADATA_TIMEOUT_MS: integer(100, 30_000)
    .prefault('5000')
    .describe('timeout for loading an issuer’s signing keys, in milliseconds, 100 to 30000')
    .meta(ADVANCED),
  AUTHENTICATION_KEYS_REFRESH_MINUTES: integer(1, 1440)
    .prefault('60')
    .describe(
      'interval at which an issuer’s signing keys are refreshed in the background, in minutes, 1 to 1440; never more than half of AUTHENTICATION_KEYS_MAX_AGE_MINUTES',
    )
    .meta(ADVANCED),
  AUTHENTICATION_KEYS_MAX_AGE_MINUTES: integer(1, 10_080)
    .prefault('1440')
    .describe(
      'maximum age of signing keys when refreshes fail, in minutes, 1 to 10080; callers get 503 after it',
    )
    .meta(ADVANCED),
  AUTHENTICATION_KEYS_COOLDOWN_SECONDS: integer(1, 300)
    .prefault('5')
    .describe(
      'minimum time between two loads of an issuer’s signing keys, in seconds, 1 to 300; limits the loads that unknown key ids cause',
    )
    .meta(ADVANCED),
};

/** Without effect in bearer mode. */
const builtInVariables = {
  AUTHENTICATION_PROVIDERS_FILE: providersFile()
    .optional()
    .describe(
      'path of a JSON file with the identity providers of the built-in authentication of App Service or Container Apps: [{"provider", "tenant", "subjectClaim"?, "kind"?, "permissions": {"client": [], "personClaims"?: [], "names"?: {}}}], for Entra sign-ins in a browser {"provider": "aad", "permissions": {"client": []}}; docs/hosting/app-service.md describes its members',
    ),
  AUTHENTICATION_APP_SERVICE_OVERRIDE: z
    .literal(APP_SERVICE_OVERRIDE, { error: `must be ${APP_SERVICE_OVERRIDE}, or not set` })
    .optional()
    .describe(
      `do not set in production; for tests of the modes app-service and container-apps elsewhere only: ${APP_SERVICE_OVERRIDE}`,
    )
    .meta(ADVANCED),
};

/** Each variable alone; `rules.ts` holds what must fit together. */
export const variables = z.object({
  AUTHENTICATION_MODE: z
    .enum(['bearer', 'app-service', 'container-apps'], {
      error: 'must be bearer, app-service or container-apps',
    })
    .prefault('bearer')
    .describe(
      'how callers are authenticated: bearer (this service verifies access tokens), app-service or container-apps (the built-in authentication of that platform does: docs/hosting)',
    ),
  ENTRA_TENANT_ID: guid
    .optional()
    .describe(
      'the directory (tenant) id of the organisation that runs the service, as shown in the Entra admin center; optional only if TRUSTED_ISSUERS, or AUTHENTICATION_PROVIDERS_FILE without aad, is set',
    ),
  ENTRA_ALLOWED_TENANT_IDS: listOf(guid)
    .prefault('')
    .describe(
      'ids of further tenants whose tokens are accepted, separated by commas; none if empty',
    ),
  ENTRA_AUDIENCE: listOf(z.string().max(256).transform(canonicalAudience))
    .refine((items) => items.length > 0, 'must name at least one audience')
    .optional()
    .describe(
      'accepted values of `aud`, separated by commas: the application (client) id of the API’s app registration, or its default application id URI, api://<client id>, which names the same; further application id URIs for v1.0 tokens',
    ),
  ENTRA_ALLOWED_CLIENT_APPS: listOf(guid)
    .prefault('')
    .describe(
      'ids of the client applications that may call, separated by commas; any application with a permission if empty',
    ),
  ENTRA_BOT_CLIENT_APPS: listOf(guid)
    .prefault('')
    .describe(
      'ids of the client applications whose app-only calls are calls of bots, separated by commas',
    ),
  ENTRA_ISSUE_SCOPE_ALIASES: listOf(issueScopeAlias)
    .prefault('')
    .describe(
      'further delegated scopes that grant CommunicationToken.Issue, separated by commas, such as access_as_user of an app registration that existed before; none if empty',
    )
    .meta(ADVANCED),
  AUTHENTICATION_REFUSAL_WINDOW_SECONDS: integer(1, 300)
    .prefault('10')
    .describe(
      'window in which rejected credentials of one address and reason are recorded as one audit entry with a count, in seconds, 1 to 300',
    )
    .meta(ADVANCED),
  AUTHENTICATION_REFUSAL_ENTRIES_PER_MINUTE: integer(1, 100_000)
    .prefault('120')
    .describe(
      'addresses per minute and replica whose rejected credentials have audit entries of their own, 1 to 100000; further ones share the entry of their network or reason, with exact counts',
    )
    .meta(ADVANCED),
  AUTHENTICATION_FAILURES_PER_MINUTE: integer(0, 1_000_000)
    .prefault('300')
    .describe(
      'rejected credentials of one address per minute, over all replicas; above it callers get 429 instead of 401; 0 for no limit',
    ),
  AUTHENTICATION_REQUESTS_PER_MINUTE: integer(0, 1_000_000)
    .prefault('3000')
    .describe(
      'requests of one principal per minute, over all replicas; above it callers get 429; 0 for no limit',
    ),
  TRUSTED_PROXIES: listOf(network)
    .prefault('')
    .describe(
      'addresses or networks of the proxies whose X-Forwarded-For header is trusted, such as 10.0.0.0/8, separated by commas; the header is ignored if empty; the host of Azure Functions is always trusted by its handler',
    ),
  CLIENT_ADDRESS_HEADER: z
    .string()
    .regex(/^[\w-]{1,64}$/, 'must be the name of a header')
    .transform((name) => name.toLowerCase())
    .prefault('x-forwarded-for')
    .describe(
      'header in which the trusted proxies pass the address of the client, instead of X-Forwarded-For; callers must not be able to set it',
    ),
  ...builtInVariables,
  ...bearerVariables,
});

/** The variables that a mode does not use. */
export const UNUSED = {
  bearer: builtInVariables,
  'app-service': bearerVariables,
  'container-apps': bearerVariables,
} as const;

export type Variables = z.output<typeof variables>;
