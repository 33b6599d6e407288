import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { authenticationContexts } from './access/authentication-contexts.js';

const text = z.string().min(1).max(512);
const texts = z.array(text).max(256);
const claimName = z.string().min(1).max(256);
const guid = z
  .string()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'must be a GUID')
  .toLowerCase();
const httpsAddress = z.url({ protocol: /^https$/, error: 'must be an https address' }).max(512);

/** A claim that has to have a value, for something to hold. */
const condition = z.strictObject({
  claim: claimName,
  equals: z.union([text, z.number(), z.boolean()]),
});

/** An issuer of OpenID Connect, or of OAuth 2.0 with JWT access tokens (RFC 9068). */
const openIdIssuer = z.strictObject({
  profile: z.literal('openid').default('openid'),
  /** Exactly as `iss` has it. */
  issuer: httpsAddress,
  /** The discovery document; below the issuer's address unless told otherwise. */
  metadataUrl: httpsAddress.optional(),
  audiences: texts.min(1),
  /** What `typ` of the header may be; an empty text allows for its absence. */
  tokenTypes: z.array(z.string().max(64)).min(1).default(['JWT', 'at+jwt']),
  /** The tenant of all its callers, or the claim that names one of those allowed. */
  tenant: z.union([text, z.strictObject({ claim: claimName, allowed: texts.min(1) })]),
  subjectClaim: claimName.default('sub'),
  clientAppClaim: claimName.default('azp'),
  /** Any client app may call when empty. */
  clientApps: texts.default([]),
  botClientApps: texts.default([]),
  tokenIdClaim: claimName.default('jti'),
  displayNameClaim: claimName.default('name'),
  permissions: z
    .strictObject({
      /** Texts with blanks between names, or lists of names. */
      claims: z.array(claimName).min(1).default(['scp', 'scope', 'roles']),
      /** The issuer's own names and what they stand for here; our names stand for themselves. */
      names: z.record(text, text).default({}),
    })
    .prefault({}),
  /** Tells an application on its own from a user's. */
  serviceWhen: condition.default({ claim: 'idtyp', equals: 'app' }),
  guestWhen: condition.optional(),
  maximumLifetimeHours: z.number().positive().max(24).default(24),
});

/** Entra without `passport-azure-ad`: the same rules, the signature verified by `jose`. */
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
  audiences: texts.min(1),
  clientApps: z.array(guid).default([]),
  botClientApps: z.array(guid).default([]),
  minimumClientAuthentication: z
    .enum(['public', 'secret', 'certificate'])
    .default('public')
    .transform((name) => CLIENT_AUTHENTICATION[name]),
  requiredAuthenticationContext: authenticationContexts.prefault({}),
});

/** How the client app proved itself, in Entra's numbers (`azpacr`, `appidacr`). */
export const CLIENT_AUTHENTICATION = { public: 0, secret: 1, certificate: 2 } as const;

export type OpenIdIssuer = z.output<typeof openIdIssuer>;
export type TrustedIssuer = OpenIdIssuer | z.output<typeof entraIssuer>;

const document = z.array(z.union([entraIssuer, openIdIssuer])).max(100);

/**
 * The list of issuers, as JSON or as the path of a file that holds it. Faults are told without
 * the values.
 */
export const trustedIssuers: z.ZodType<readonly TrustedIssuer[], string> = z
  .string()
  .transform((value, context) => {
    const read = document.safeParse(json(value));
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    const where = issue === undefined ? '' : describedPath(issue);
    context.addIssue(`must be a JSON list of issuers, or the path of a file with one${where}`);
    return z.NEVER;
  });

function json(value: string): unknown {
  try {
    return JSON.parse(value.trimStart().startsWith('[') ? value : readFileSync(value, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Where the first fault is. Within a union, the branch that came furthest knows best. */
function describedPath(issue: z.core.$ZodIssue): string {
  const inner =
    issue.code === 'invalid_union'
      ? issue.errors.flat().toSorted((a, b) => b.path.length - a.path.length)[0]
      : undefined;
  const path = [...issue.path, ...(inner?.path ?? [])].join('.');
  return path === '' ? '' : ` (at ${path}: ${inner?.message ?? issue.message})`;
}
