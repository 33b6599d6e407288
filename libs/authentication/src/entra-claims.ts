import { z } from 'zod';
import { TokenRefused } from './token-refused.js';

const guid = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
const name = z.string().regex(/^.{1,256}$/s);
const instantSeconds = z.int().positive().max(253_402_300_799);
const clientAuthentication = z.enum(['0', '1', '2']);

/** Claims that tokens of both versions have. */
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
  acct: z.literal([0, 1]).optional(),
  idp: z.string().max(512).optional(),
  uti: name.optional(),
  name: z.string().max(512).optional(),
  acrs: z.array(name).max(64).optional(),
  xms_cc: z.array(name).max(64).optional(),
};

const version1 = z.object({ ...common, appid: guid, appidacr: clientAuthentication });
const version2 = z.object({ ...common, azp: guid, azpacr: clientAuthentication });

/**
 * The claims that are used of Entra's access tokens, of either version
 * (learn.microsoft.com, "Access token claims reference"). What isn't listed grants nothing.
 */
export interface EntraClaims extends Common {
  readonly clientApp: string;
  /** 0 nothing, 1 secret, 2 certificate. */
  readonly clientAuthentication: number;
}

type Common = Readonly<z.output<z.ZodObject<typeof common>>>;

/** @throws TokenRefused when a claim is missing or of the wrong kind */
export function readEntraClaims(claims: unknown, version: '1.0' | '2.0'): EntraClaims {
  if (version === '1.0') {
    const { appid, appidacr, ...rest } = parsed(version1, claims);
    return { ...rest, clientApp: appid, clientAuthentication: Number(appidacr) };
  }
  const { azp, azpacr, ...rest } = parsed(version2, claims);
  return { ...rest, clientApp: azp, clientAuthentication: Number(azpacr) };
}

function parsed<T>(schema: z.ZodType<T>, claims: unknown): T {
  const { data, error } = schema.safeParse(claims);
  if (data !== undefined) return data;
  const names = error?.issues.map(({ path }) => String(path[0])) ?? [];
  if (names.includes('nonce')) throw new TokenRefused('not-an-access-token', 'nonce');
  throw new TokenRefused('claims-malformed', names.join(' '));
}
