import { z } from 'zod';
import type { EntraSettings } from '../settings.js';
import { Authenticator } from '../http/authenticator.js';
import { rejectIf } from '../jwt/parse-jwt.js';
import { entraPrincipal } from '../entra/entra-principal.js';
import { headerCount, header, type HttpRequest } from '../http/http-request.js';
import type { Principal } from '../access/principal.js';
import { TokenRejected } from '../bearer/token-refused.js';

const HEADER = 'x-ms-client-principal';
const LONGEST_HEADER_CHARACTERS = 16_384;

const text = z.string().min(1).max(512);
const guid = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);

/** learn.microsoft.com, "Work with user identities in Azure App Service authentication". */
const clientPrincipal = z.object({
  auth_typ: z.literal('aad'),
  claims: z.array(z.object({ typ: text, val: z.string().max(4096) })).max(1024),
  role_typ: text.optional(),
});

/** The long names that App Service gives some claims. */
const NAMES: ReadonlyMap<string, string> = new Map(
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
 * Takes the caller from the header that App Service's built-in authentication sets. App Service
 * has verified the token; the header is worth nothing where anything else can send it.
 */
export class AppServiceAuthenticator extends Authenticator {
  constructor(private readonly entra: EntraSettings) {
    super();
  }

  override async authenticate(request: HttpRequest): Promise<Principal> {
    return Promise.resolve(this.#read(request));
  }

  #read(request: HttpRequest): Principal {
    rejectIf(headerCount(HEADER, request) > 1, 'malformed-header', HEADER);
    const encoded = header(request, HEADER);
    if (encoded === undefined || encoded === '') throw new TokenRejected('no-credentials');
    rejectIf(encoded.length > LONGEST_HEADER_CHARACTERS, 'oversized');
    const { claims, role_typ } = parsed(clientPrincipal, json(encoded));
    const { azp, ...caller } = parsed(callerClaims, singleClaims(claims));
    rejectIf(!this.entra.tenants.includes(caller.tid), 'tenant-not-allowed');
    rejectIf(!this.entra.audiences.includes(caller.aud), 'audience');
    const { clientApps, botClientApps } = this.entra;
    rejectIf(clientApps.length > 0 && !clientApps.includes(azp), 'client-app-not-allowed', azp);
    const roles = claims.filter(({ typ }) => typ === role_typ || nameOf(typ) === 'roles');
    return entraPrincipal(
      {
        ...caller,
        clientApp: azp,
        ...(roles.length > 0 && { roles: roles.map(({ val }) => val) }),
      },
      botClientApps,
    );
  }
}

function json(encoded: string): unknown {
  try {
    return JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'));
  } catch {
    throw new TokenRejected('malformed-token', HEADER);
  }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const { data, error } = schema.safeParse(value);
  if (data !== undefined) return data;
  const names = error?.issues.map(({ path }) => path.join('.')) ?? [];
  throw new TokenRejected('claims-malformed', names.join(' ').slice(0, 256));
}

/** Claims by their short names; what comes twice and is no role can't be relied upon. */
function singleClaims(claims: readonly { typ: string; val: string }[]): Record<string, string> {
  const single = new Map<string, string>();
  for (const { typ, val } of claims) {
    const name = nameOf(typ);
    if (name === 'roles') continue;
    rejectIf(Object.hasOwn(callerClaims.shape, name) && single.has(name), 'duplicate-member', name);
    single.set(name, val);
  }
  return Object.fromEntries(single);
}

function nameOf(type: string): string {
  return NAMES.get(type) ?? type;
}
