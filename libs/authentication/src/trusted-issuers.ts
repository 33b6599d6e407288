import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  canonicalName,
  errorCode,
  faultMessage,
  GUID_PATTERN,
  GUID_SOURCE,
  InvalidJson,
  nameFault,
  parseJsonFile,
  parseStrictJson,
} from '#libs/platform';
import { authenticationContexts } from './access/authentication-contexts.js';
import { isPermission } from './access/permission.js';
import { canonicalAudience } from './jwt/audience.js';
import { SIGNATURE_ALGORITHMS } from './keys/jwks.js';

const text = z.string().min(1).max(512);
/** Tenants and client apps, in their canonical form. */
const identifier = text
  .refine(
    (name) => name === '' || nameFault(name) === undefined,
    'must be a name without invisible characters',
  )
  .transform(canonicalName);
const identifiers = z.array(identifier).max(256);
const audiences = z.array(text.transform(canonicalAudience)).min(1).max(256);
const claimName = z.string().min(1).max(256);
const guid = z.string().regex(GUID_PATTERN, 'must be a GUID').transform(canonicalName);
const httpsAddress = z.url({ protocol: /^https$/, error: 'must be an https address' }).max(512);

/** Holds when the claim has this value. */
const condition = z.strictObject({
  claim: claimName,
  equals: z.union([text, z.number(), z.boolean()]),
});

/** An OpenID provider, or an OAuth 2.0 authorization server with JWT access tokens (RFC 9068). */
const openIdMembers = z.strictObject({
  profile: z.literal('openid').default('openid'),
  /** Must equal `iss`. */
  issuer: httpsAddress,
  /** Address of the discovery document. Default: `/.well-known/openid-configuration` below the issuer. */
  metadataUrl: httpsAddress.optional(),
  audiences,
  /** Allowed values of the header's `typ`, as media types; an empty text allows a header without it. */
  tokenTypes: z.array(z.string().max(64)).min(1).default(['JWT', 'at+jwt']),
  /** Allowed algorithms of signatures. */
  algorithms: z
    .array(z.enum(SIGNATURE_ALGORITHMS))
    .min(1)
    .default([...SIGNATURE_ALGORITHMS]),
  /** The tenant of all callers, or the claim that names it and its allowed values. */
  tenant: z.union([identifier, z.strictObject({ claim: claimName, allowed: identifiers.min(1) })]),
  subjectClaim: claimName.default('sub'),
  /** Default: the one of `azp`, `client_id`, `appid` and `cid` that the token has. */
  clientAppClaim: claimName.optional(),
  /** Client apps that may call; any when empty. */
  clientApps: identifiers.default([]),
  botClientApps: identifiers.default([]),
  tokenIdClaim: claimName.default('jti'),
  displayNameClaim: claimName.default('name'),
  permissions: z
    .strictObject({
      /** Claims that hold permissions: space-separated texts or lists. */
      claims: z.array(claimName).min(1).default(['scp', 'scope', 'roles']),
      /**
       * Those of `claims` that say what the person may do; the others say what the client may do.
       * Default: `roles`, where `claims` has it.
       */
      personClaims: z.array(claimName).optional(),
      /** Translates the issuer's names to those of this service. Others are used unchanged. */
      names: z.record(text, text).default({}),
    })
    .refine(
      ({ claims, personClaims = [] }) => personClaims.every((claim) => claims.includes(claim)),
      { path: ['personClaims'], error: 'must be among claims' },
    )
    .transform(({ claims, personClaims = ['roles'], names }) => ({
      claims,
      personClaims: personClaims.filter((claim) => claims.includes(claim)),
      names,
    }))
    .prefault({}),
  /** Identifies tokens of applications without a user, in addition to `openid/client-credentials.ts`. */
  serviceWhen: condition.optional(),
  /**
   * Proves that a token is an access token, instead of `openid/access-token-proof.ts`; `any` to take every
   * token for this audience as one.
   */
  accessTokenWhen: z.union([condition, z.literal('any')]).optional(),
  guestWhen: condition.optional(),
  maximumLifetimeHours: z.number().positive().max(24).default(24),
});

/** The address of a tenant of Entra External ID, with the name or the id of the tenant as host. */
const EXTERNAL_ID = new RegExp(
  `^https://[a-z0-9-]+\\.ciamlogin\\.com/(${GUID_SOURCE})/v2\\.0/?$`,
  'i',
);

/** External ID issues tokens with the id of the tenant as host, whatever address is called. */
const openIdIssuer = openIdMembers.transform(({ issuer, metadataUrl, ...members }) => {
  const tenant = EXTERNAL_ID.exec(issuer)?.[1]?.toLowerCase();
  const address = issuer.replace(/\/$/, '');
  return {
    ...members,
    issuer: tenant === undefined ? issuer : externalIdIssuer(tenant),
    metadataUrl: metadataUrl ?? `${address}/.well-known/openid-configuration`,
  };
});

/** The issuer of a tenant of Entra External ID. */
export function externalIdIssuer(tenant: string): string {
  return `https://${tenant}.ciamlogin.com/${tenant}/v2.0`;
}

/** A delegated scope of another application that grants `CommunicationToken.Issue`. */
export const issueScopeAlias = z
  .string()
  .regex(/^[\w.-]{1,128}$/, 'must hold names of delegated scopes')
  .refine((name) => !isPermission(name), 'must not hold names of this service’s permissions');

/** Entra by the same rules as the `ENTRA_*` settings, but with `jose` instead of `passport-azure-ad`. */
const entraIssuer = z.strictObject({
  profile: z.literal('entra'),
  authority: httpsAddress
    .default('https://login.microsoftonline.com')
    .transform((address) => new URL(address).origin),
  tenants: z.array(guid).min(1),
  versions: z
    .array(z.enum(['1.0', '2.0']))
    .min(1)
    .default(['2.0']),
  audiences,
  clientApps: z.array(guid).default([]),
  botClientApps: z.array(guid).default([]),
  issueScopeAliases: z.array(issueScopeAlias).max(16).default([]),
  minimumClientAuthentication: z
    .enum(['public', 'secret', 'certificate'])
    .default('public')
    .transform((name) => CLIENT_AUTHENTICATION[name]),
  requiredAuthenticationContext: authenticationContexts.prefault({}),
});

/** Client authentication as the claims `azpacr` and `appidacr` encode it. */
export const CLIENT_AUTHENTICATION = { public: 0, secret: 1, certificate: 2 } as const;

export type ClaimCondition = z.output<typeof condition>;
export type OpenIdIssuer = z.output<typeof openIdIssuer>;
export type TrustedIssuer = OpenIdIssuer | z.output<typeof entraIssuer>;

const trustedIssuerList = z.array(z.union([entraIssuer, openIdIssuer])).max(100);

/** Parses the setting: a JSON list, or the path of a file with one. Messages quote no values. */
export const trustedIssuers: z.ZodType<readonly TrustedIssuer[], string> = z
  .string()
  .transform((value, context) => {
    const json = parseJson(value);
    const { data, error } = trustedIssuerList.safeParse(json);
    if (data !== undefined) return data;
    const [issue] = error.issues;
    const fault = json instanceof Error ? ` (it ${json.message})` : '';
    const location = issue === undefined || fault !== '' ? fault : describeLocation(issue);
    context.addIssue(`must be a JSON list of issuers, or the path of a file with one${location}`);
    return z.NEVER;
  });

/** @returns an error for a file that can't be read, or a text that is not strict JSON */
function parseJson(value: string): unknown {
  try {
    const isList = value.trimStart().startsWith('[');
    return isList ? parseStrictJson(value) : parseJsonFile(readFileSync(value));
  } catch (error) {
    if (error instanceof InvalidJson) return error;
    const code = errorCode(error) ?? 'unknown error';
    return new Error(`can not be read (${code})`);
  }
}

/** Path and message of the first fault; in a union, those of the branch that matched furthest. */
function describeLocation(issue: z.core.$ZodIssue): string {
  const inner =
    issue.code === 'invalid_union'
      ? issue.errors.flat().toSorted((a, b) => b.path.length - a.path.length)[0]
      : undefined;
  const path = [...issue.path, ...(inner?.path ?? [])].join('.');
  return path === '' ? '' : ` (at ${path}: ${faultMessage(inner ?? issue)})`;
}
