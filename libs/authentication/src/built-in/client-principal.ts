import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { InvalidJson, parseStrictJson } from '#libs/platform';
import { mismatch, rejectIf, TokenRejected } from '../errors.js';
import { header, headerCount, type HttpRequest } from '../http/http-request.js';
import { sanitize } from '../jwt/parse-jwt.js';
import { claimName } from './claim-name.js';

/** The caller, as the platform has verified it. */
export const PRINCIPAL_HEADER = 'x-ms-client-principal';
const PROVIDER_HEADER = 'x-ms-client-principal-idp';

/** Above the size with 200 groups, the most that Entra puts into a token. */
const MAX_CHARACTERS = 32_768;

const document = z.object({
  auth_typ: z.string().min(1),
  claims: z.array(z.object({ typ: z.string(), val: z.string() })),
  role_typ: z.string().nullish(),
});

/** The caller of a request, from `X-MS-CLIENT-PRINCIPAL`. */
export interface ClientPrincipal {
  /** The identity provider, in lower case. */
  readonly provider: string;
  readonly claims: readonly ClientClaim[];
  /** The name of the claim that holds roles, where the platform says it. */
  readonly roleClaim: string | undefined;
}

/** A claim by its short name. A claim with several values occurs several times. */
export interface ClientClaim {
  readonly name: string;
  readonly value: string;
}

/**
 * Reads the header that built-in authentication adds to each request of an authenticated caller
 * (learn.microsoft.com, "Work with user identities in Azure App Service authentication").
 *
 * @returns `undefined` when the request has none
 * @throws TokenRejected
 */
export function readClientPrincipal(request: HttpRequest): ClientPrincipal | undefined {
  for (const name of [PRINCIPAL_HEADER, PROVIDER_HEADER])
    rejectIf(headerCount(request, name) > 1, 'malformed-header', name);
  const encoded = header(request, PRINCIPAL_HEADER) ?? '';
  if (encoded === '') return undefined;
  if (encoded.length > MAX_CHARACTERS)
    throw mismatch('oversized', `at most ${MAX_CHARACTERS} characters`, encoded.length);
  const { auth_typ: authType, claims, role_typ: roleType } = parse(decode(encoded));
  const provider = authType.toLowerCase();
  const named = header(request, PROVIDER_HEADER) ?? authType;
  if (named.toLowerCase() !== provider) throw mismatch('provider-mismatch', authType, named);
  return {
    provider,
    claims: claims.map(({ typ, val }) => ({ name: claimName(typ), value: val })),
    roleClaim: roleType ? claimName(roleType) : undefined,
  };
}

/**
 * The only value of a claim.
 *
 * @throws TokenRejected when it occurs more than once
 */
export function singleClaim(claims: readonly ClientClaim[], name: string): string | undefined {
  const [first, ...others] = claims.filter((claim) => claim.name === name);
  rejectIf(others.length > 0, 'duplicate-member', sanitize(name));
  return first?.value;
}

function decode(encoded: string): unknown {
  const bytes = Buffer.from(encoded, 'base64');
  rejectIf(bytes.toString('base64') !== encoded, 'principal-not-base64');
  rejectIf(!isUtf8(bytes), 'principal-not-utf8');
  try {
    return parseStrictJson(bytes);
  } catch (error) {
    throw new TokenRejected(
      'principal-not-json',
      error instanceof InvalidJson ? error.message : '',
    );
  }
}

function parse(json: unknown): z.output<typeof document> {
  const { data, error } = document.safeParse(json);
  if (data !== undefined) return data;
  const isStaticWebApp = z.looseObject({ userRoles: z.unknown() }).safeParse(json).success;
  const form = isStaticWebApp ? 'the form of Static Web Apps' : 'another form';
  const members = error.issues.map(({ path }) => path.join('.'));
  throw mismatch(
    'principal-malformed',
    'auth_typ and claims',
    form,
    members.join(' ').slice(0, 256),
  );
}
