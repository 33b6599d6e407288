import { z } from 'zod';
import { TokenRefused } from './token-refused.js';

const guid = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
const name = z.string().min(1).max(256);
const instantSeconds = z.int().positive().max(253_402_300_799);
/** 0 nothing, 1 secret, 2 certificate. */
const clientAuthentication = z.enum(['0', '1', '2']).transform(Number);

const common = {
  aud: name,
  iss: z.string().min(1).max(512),
  iat: instantSeconds,
  nbf: instantSeconds,
  exp: instantSeconds,
  tid: guid,
  oid: guid,
  sub: name,
  scp: z.string().max(4096).optional(),
  roles: z.array(name).max(512).optional(),
  idtyp: z.enum(['app', 'user']).optional(),
  nonce: z.never().optional(),
  acct: z.union([z.literal(0), z.literal(1)]).optional(),
  idp: z.string().max(512).optional(),
  uti: name.optional(),
  name: z.string().max(512).optional(),
  acrs: z.array(name).max(64).optional(),
  xms_cc: z.array(name).max(64).optional(),
};

/**
 * The claims that are used of Entra's access tokens, of both versions
 * (learn.microsoft.com, "Access token claims reference"). What isn't listed grants nothing.
 */
const entraClaims = z
  .discriminatedUnion('ver', [
    z.object({ ...common, ver: z.literal('2.0'), azp: guid, azpacr: clientAuthentication }),
    z.object({ ...common, ver: z.literal('1.0'), appid: guid, appidacr: clientAuthentication }),
  ])
  .transform((claims) => {
    if (claims.ver === '1.0')
      return { ...claims, clientApp: claims.appid, clientAuthentication: claims.appidacr };
    return { ...claims, clientApp: claims.azp, clientAuthentication: claims.azpacr };
  });

export type EntraClaims = z.output<typeof entraClaims>;

/** @throws TokenRefused when a claim is missing or of the wrong kind */
export function readEntraClaims(claims: unknown): EntraClaims {
  const { data, error } = entraClaims.safeParse(claims);
  if (data !== undefined) return data;
  const names = error.issues.map(({ path }) => String(path[0]));
  if (names.includes('nonce')) throw new TokenRefused('not-an-access-token', 'nonce');
  throw new TokenRefused('claims-malformed', names.join(' '));
}
