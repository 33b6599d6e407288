import { Counter, type Registry } from 'prom-client';
import { z } from 'zod';
import { canonicalGuid, type Principal } from '#libs/platform';
import { entraPrincipal } from '../entra/entra-principal.js';
import { mismatch, TokenRejected } from '../errors.js';
import { isAmong } from '../jwt/audience.js';
import { Authenticator } from '../http/authenticator.js';
import { header, type HttpRequest } from '../http/http-request.js';
import { sanitize } from '../jwt/parse-jwt.js';
import type { AuthenticationSettings } from '../settings.js';
import type { EntraSettings } from '../settings/entra-settings.js';
import {
  type ClientClaim,
  type ClientPrincipal,
  PRINCIPAL_HEADER,
  readClientPrincipal,
  singleClaim,
} from './client-principal.js';
import { providerPrincipal } from './provider-principal.js';
import { ENTRA } from './providers-file.js';

const SESSION_COOKIE = /(?:^|;\s*)AppServiceAuthSession\d*=/;
const SESSION_HEADER = 'x-zumo-auth';

const text = z.string().min(1).max(512);
const guid = z.string().transform((value, context) => {
  const canonical = canonicalGuid(value);
  if (canonical !== undefined) return canonical;
  context.addIssue('must be a GUID');
  return z.NEVER;
});

const entraClaims = z.object({
  iss: text,
  aud: text,
  tid: guid,
  oid: guid,
  sub: text,
  azp: guid.optional(),
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

/** Counts requests without a principal. It stays at zero where the platform does not authenticate. */
export class MissingPrincipals extends Counter<'credentials'> {
  constructor(registry: Registry) {
    super({
      name: 'authentication_principals_missing_total',
      help: 'Requests to which the platform added no principal; only with built-in authentication',
      labelNames: ['credentials'],
      registers: [registry],
    });
  }
}

type Settings = Pick<AuthenticationSettings, 'entra' | 'providers'>;

/**
 * Authenticates by the headers of the built-in authentication of Azure App Service and Container Apps,
 * which has verified the token or the session. Secure only where the platform is the only sender of these
 * headers.
 */
export class BuiltInAuthenticator extends Authenticator {
  constructor(
    private readonly settings: Settings,
    private readonly missing: MissingPrincipals,
  ) {
    super();
  }

  override async authenticate(request: HttpRequest): Promise<Principal> {
    return Promise.resolve(this.#principalOf(request));
  }

  override usesCookies(request: HttpRequest): boolean {
    return !['token', 'session token'].includes(credentialsOf(request));
  }

  #principalOf(request: HttpRequest): Principal {
    const caller = readClientPrincipal(request);
    if (caller === undefined) throw this.#rejectMissing(request);
    if (caller.claims.some(({ name }) => name === 'cnf'))
      throw mismatch('sender-constrained', 'a bearer token', 'cnf', 'cnf');
    const { entra, providers } = this.settings;
    if (caller.provider === ENTRA && entra !== undefined) return this.#ofEntra(caller, entra);
    const provider = providers.others.get(caller.provider);
    if (provider !== undefined) return providerPrincipal(caller.claims, provider);
    const names = [...(entra === undefined ? [] : [ENTRA]), ...providers.others.keys()];
    throw mismatch('provider-not-configured', names, caller.provider);
  }

  /** From the claims of an access token, or of the ID token of a person who signed in in a browser. */
  #ofEntra({ claims, roleClaim }: ClientPrincipal, entra: EntraSettings): Principal {
    const { azp, ...caller } = readEntraClaims(claims);
    const { tenants, audiences, clientApps } = entra;
    if (!tenants.includes(caller.tid)) throw mismatch('tenant-not-allowed', tenants, caller.tid);
    if (!isAmong(caller.aud, audiences)) throw mismatch('audience', audiences, caller.aud);
    const isSession = azp === undefined && caller.scp === undefined && caller.idtyp === undefined;
    const session = isSession ? this.#sessionOf(caller.aud) : undefined;
    const clientApp = azp ?? session?.clientApp;
    if (clientApp === undefined) throw new TokenRejected('claims-malformed', 'azp');
    if (clientApps.length > 0 && !clientApps.includes(clientApp))
      throw mismatch('client-app-not-allowed', clientApps, clientApp, clientApp);
    const roles = claims
      .filter(({ name }) => name === roleClaim || name === 'roles')
      .map(({ value }) => value);
    return entraPrincipal(
      { ...caller, ...session, clientApp, ...(roles.length > 0 && { roles }) },
      entra,
    );
  }

  /** An ID token has no scope and is for the client itself: the file says what the client may do. */
  #sessionOf(audience: string) {
    const { entraSession } = this.settings.providers;
    const clientApp = canonicalGuid(audience);
    if (entraSession === undefined || clientApp === undefined) {
      const expected = ['scp', 'idtyp app', `${ENTRA} in AUTHENTICATION_PROVIDERS_FILE`];
      throw mismatch('not-an-access-token', expected, 'a session, or an ID token');
    }
    return { clientApp, scp: entraSession.join(' ') };
  }

  #rejectMissing(request: HttpRequest): TokenRejected {
    const credentials = credentialsOf(request);
    this.missing.inc({ credentials });
    return new TokenRejected('principal-missing', undefined, {
      expected: PRINCIPAL_HEADER,
      actual: `none, with ${credentials === 'none' ? 'no credentials' : `a ${credentials}`}`,
      remedy: REMEDIES[credentials === 'none' ? 'none' : 'some'],
    });
  }
}

const REMEDIES = {
  none: 'require authentication at the platform, and close every way to the service that passes by it: docs/hosting',
  some: 'restart the revision or the app; is the path excluded from authentication? docs/hosting',
} as const;

/** What the platform may have authenticated a request by. */
function credentialsOf(
  request: HttpRequest,
): 'token' | 'session token' | 'session cookie' | 'none' {
  // Browsers add other schemes on their own.
  if (/^bearer ./i.test(header(request, 'authorization') ?? '')) return 'token';
  if ((header(request, SESSION_HEADER) ?? '') !== '') return 'session token';
  return SESSION_COOKIE.test(header(request, 'cookie') ?? '') ? 'session cookie' : 'none';
}

/** @throws TokenRejected when a claim is missing, malformed, or occurs more than once */
function readEntraClaims(claims: readonly ClientClaim[]): z.output<typeof entraClaims> {
  const names = Object.keys(entraClaims.shape);
  const single = Object.fromEntries(names.map((name) => [name, singleClaim(claims, name)]));
  if (single.oid === undefined) throw new TokenRejected('subject-missing', `${ENTRA} oid`);
  const { data, error } = entraClaims.safeParse(single);
  if (data !== undefined) return data;
  const paths = error.issues.map(({ path }) => path.join('.'));
  throw new TokenRejected('claims-malformed', sanitize(paths.join(','), 256));
}
