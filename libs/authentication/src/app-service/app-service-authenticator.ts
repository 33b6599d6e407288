import { z } from 'zod';
import { canonicalGuid, parseStrictJson, type Principal } from '#libs/platform';
import { entraPrincipal } from '../entra/entra-principal.js';
import { mismatch, rejectIf, TokenRejected } from '../errors.js';
import { isAmong } from '../jwt/audience.js';
import { Authenticator } from '../http/authenticator.js';
import { header, headerCount, type HttpRequest } from '../http/http-request.js';
import { sanitize } from '../jwt/parse-jwt.js';
import type { EntraSettings } from '../settings.js';

const HEADER = 'x-ms-client-principal';
const MAX_HEADER_CHARACTERS = 16_384;

const text = z.string().min(1).max(512);
const guid = z.string().transform((value, context) => {
  const canonical = canonicalGuid(value);
  if (canonical !== undefined) return canonical;
  context.addIssue('must be a GUID');
  return z.NEVER;
});

/** learn.microsoft.com, "Work with user identities in Azure App Service authentication". */
const clientPrincipal = z.object({
  auth_typ: z.literal('aad'),
  claims: z.array(z.object({ typ: text, val: z.string().max(4096) })).max(1024),
  role_typ: text.optional(),
});

/** App Service uses the WS-Federation names of some claims. */
const CLAIM_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'http://schemas.microsoft.com/identity/claims/tenantid': 'tid',
    'http://schemas.microsoft.com/identity/claims/objectidentifier': 'oid',
    'http://schemas.microsoft.com/identity/claims/scope': 'scp',
    'http://schemas.microsoft.com/identity/claims/identityprovider': 'idp',
    'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier': 'sub',
    'http://schemas.microsoft.com/ws/2008/06/identity/claims/role': 'roles',
    appid: 'azp',
  }),
);

const callerClaims = z.object({
  iss: text,
  aud: text,
  tid: guid,
  oid: guid,
  sub: text,
  azp: guid,
  scp: z.string().optional(),
  idtyp: z.enum(['app', 'user']).optional(),
  idp: text.optional(),
  uti: text.optional(),
  name: text.optional(),
  acct: z
    .literal(['0', '1'])
    .transform((digit) => (digit === '1' ? 1 : 0))
    .optional(),
});

/**
 * Authenticates by the `X-MS-CLIENT-PRINCIPAL` header of App Service's built-in authentication, which
 * has verified the token. Secure only where App Service is the only sender of that header.
 */
export class AppServiceAuthenticator extends Authenticator {
  constructor(private readonly entra: EntraSettings) {
    super();
  }

  override async authenticate(request: HttpRequest): Promise<Principal> {
    return Promise.resolve(this.#principalOf(request));
  }

  #principalOf(request: HttpRequest): Principal {
    rejectIf(headerCount(request, HEADER) > 1, 'malformed-header', HEADER);
    const encoded = header(request, HEADER);
    if (encoded === undefined || encoded === '') throw new TokenRejected('no-credentials');
    rejectIf(encoded.length > MAX_HEADER_CHARACTERS, 'oversized');
    const { claims, role_typ: roleType } = parse(clientPrincipal, decodeJson(encoded));
    rejectIf(
      claims.some(({ typ }) => typ === 'cnf'),
      'sender-constrained',
      'cnf',
    );
    const { azp: clientApp, ...caller } = parse(callerClaims, singleClaims(claims));
    const { tenants, audiences, clientApps } = this.entra;
    if (!tenants.includes(caller.tid)) throw mismatch('tenant-not-allowed', tenants, caller.tid);
    if (!isAmong(caller.aud, audiences)) throw mismatch('audience', audiences, caller.aud);
    if (clientApps.length > 0 && !clientApps.includes(clientApp))
      throw mismatch('client-app-not-allowed', clientApps, clientApp, clientApp);
    const roles = claims
      .filter(({ typ }) => typ === roleType || shortName(typ) === 'roles')
      .map(({ val }) => val);
    return entraPrincipal(
      { ...caller, clientApp, ...(roles.length > 0 && { roles }) },
      this.entra,
    );
  }
}

function decodeJson(encoded: string): unknown {
  try {
    return parseStrictJson(Buffer.from(encoded, 'base64'));
  } catch {
    throw new TokenRejected('malformed-token', HEADER);
  }
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const { data, error } = schema.safeParse(value);
  if (data !== undefined) return data;
  const paths = error?.issues.map(({ path }) => path.join('.')) ?? [];
  throw new TokenRejected('claims-malformed', sanitize(paths.join(','), 256));
}

/**
 * The claims by their short names, without roles.
 *
 * @throws TokenRejected when a claim that is read occurs twice
 */
function singleClaims(claims: readonly { typ: string; val: string }[]): Record<string, string> {
  const single = new Map<string, string>();
  for (const { typ, val } of claims) {
    const name = shortName(typ);
    if (name === 'roles') continue;
    rejectIf(Object.hasOwn(callerClaims.shape, name) && single.has(name), 'duplicate-member', name);
    single.set(name, val);
  }
  return Object.fromEntries(single);
}

function shortName(type: string): string {
  return CLAIM_NAMES.get(type) ?? type;
}
