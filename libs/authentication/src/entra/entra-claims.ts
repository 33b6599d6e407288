import { TokenRejected } from '../bearer/token-refused.js';

/** Tells whether a claim is of its kind. Plain functions: a schema took a tenth of the whole time. */
type Kind<T> = (value: unknown) => value is T;

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const LAST_INSTANT_SECONDS = 253_402_300_799;

const isGuid: Kind<string> = (value): value is string =>
  typeof value === 'string' && GUID.test(value);
const isName = text(1, 256);
const isInstantSeconds: Kind<number> = (value): value is number =>
  Number.isSafeInteger(value) && Number(value) > 0 && Number(value) <= LAST_INSTANT_SECONDS;

const kinds = {
  aud: isName,
  iss: text(1, 512),
  iat: isInstantSeconds,
  nbf: isInstantSeconds,
  exp: isInstantSeconds,
  tid: isGuid,
  oid: isGuid,
  sub: isName,
  scp: optional(text(0, 4096)),
  roles: optional(listOfNames(512)),
  idtyp: optional(oneOf('app', 'user')),
  acct: optional(oneOf(0, 1)),
  idp: optional(text(0, 512)),
  uti: optional(isName),
  name: optional(text(0, 512)),
  acrs: optional(listOfNames(64)),
  clientApp: isGuid,
  clientAuthentication: oneOf('0', '1', '2'),
};

/**
 * The claims that are used of Entra's access tokens
 * (learn.microsoft.com, "Access token claims reference"). What isn't listed grants nothing.
 *
 * `clientApp` is `azp` of v2.0 tokens and `appid` of v1.0 tokens, `clientAuthentication` is
 * `azpacr` or `appidacr`: 0 nothing, 1 secret, 2 certificate.
 */
export type EntraClaims = {
  readonly [Name in keyof typeof kinds]: (typeof kinds)[Name] extends Kind<infer T> ? T : never;
};

/** Nothing is known of the values yet. */
type Candidate = Record<keyof EntraClaims, unknown>;

const checks = Object.entries(kinds) as [keyof EntraClaims, Kind<unknown>][]; // its own keys

/** @throws TokenRejected when a claim is missing or of the wrong kind */
export function readEntraClaims(
  claims: Readonly<Record<string, unknown>>,
  version: '1.0' | '2.0',
): EntraClaims {
  if (claims.nonce !== undefined) throw new TokenRejected('not-an-access-token', 'nonce');
  const isVersion2 = version === '2.0';
  const candidate: Candidate = {
    aud: claims.aud,
    iss: claims.iss,
    iat: claims.iat,
    nbf: claims.nbf,
    exp: claims.exp,
    tid: claims.tid,
    oid: claims.oid,
    sub: claims.sub,
    scp: claims.scp,
    roles: claims.roles,
    idtyp: claims.idtyp,
    acct: claims.acct,
    idp: claims.idp,
    uti: claims.uti,
    name: claims.name,
    acrs: claims.acrs,
    clientApp: isVersion2 ? claims.azp : claims.appid,
    clientAuthentication: isVersion2 ? claims.azpacr : claims.appidacr,
  };
  if (areOfTheirKinds(candidate)) return candidate;
  const faults = checks.filter(([name, isOfKind]) => !isOfKind(candidate[name]));
  throw new TokenRejected('claims-malformed', faults.map(([name]) => name).join(' '));
}

function areOfTheirKinds(candidate: Candidate): candidate is EntraClaims {
  return checks.every(([name, isOfKind]) => isOfKind(candidate[name]));
}

function optional<T>(isOfKind: Kind<T>): Kind<T | undefined> {
  return (value): value is T | undefined => value === undefined || isOfKind(value);
}

function text(shortest: number, longest: number): Kind<string> {
  return (value): value is string =>
    typeof value === 'string' && value.length >= shortest && value.length <= longest;
}

function listOfNames(most: number): Kind<readonly string[]> {
  return (value): value is readonly string[] =>
    Array.isArray(value) && value.length <= most && value.every(isName);
}

function oneOf<const T>(...values: readonly T[]): Kind<T> {
  return (value): value is T => values.some((one) => one === value);
}
