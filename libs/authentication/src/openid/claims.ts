import { z } from 'zod';
import { type CanonicalName, canonicalName } from '#libs/platform';
import { acceptedName, TokenRejected } from '../errors.js';
import type { ClaimCondition } from '../trusted-issuers.js';

/** May have a fraction (RFC 7519, section 2). */
const numericDate = z.number().positive().max(253_402_300_799);

/** Claims with fixed names. Those with configured names are read one by one. */
const requiredClaims = z.looseObject({
  iss: z.string(),
  aud: z.union([z.string(), z.array(z.string())]),
  iat: numericDate,
  nbf: numericDate.optional(),
  exp: numericDate,
});

export type Claims = z.output<typeof requiredClaims>;

/** @throws TokenRejected when a required claim is missing or a claim has the wrong type */
export function readClaims(unverified: unknown): Claims {
  const { data, error } = requiredClaims.safeParse(unverified);
  if (data !== undefined) return data;
  const names = error.issues.map(({ path }) => String(path[0]));
  throw new TokenRejected('claims-malformed', names.join(' '));
}

/** @throws TokenRejected when the claim is present and no text of 1 to 256 characters */
export function textClaim(claims: Claims, claim: string): string | undefined {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '' || value.length > 256)
    throw new TokenRejected('claims-malformed', claim);
  return value;
}

/** As `textClaim`, for a name, in its one form. */
export function nameClaim(claims: Claims, claim: string): CanonicalName | undefined {
  const value = textClaim(claims, claim);
  return value === undefined ? undefined : acceptedName(value, claim);
}

/** @throws TokenRejected when the claim is neither a text nor a list of texts */
export function namesIn(value: unknown, claim: string): string[] {
  if (value === undefined) return [];
  if (typeof value === 'string') return value.split(' ');
  const isList = Array.isArray(value) && value.every((item) => typeof item === 'string');
  if (!isList) throw new TokenRejected('claims-malformed', claim);
  return value;
}

export function isFulfilled({ claim, equals }: ClaimCondition, claims: Claims): boolean {
  return Object.hasOwn(claims, claim) && comparable(claims[claim]) === comparable(equals);
}

/**
 * Whether a claim, or one item of its list, has the value. Texts are compared without case: providers
 * change it. A claim that could be meant either way, such as `1` for `true`, is unknown.
 *
 * @returns `undefined` when the token does not have the claim
 */
export function conditionState(
  { claim, equals }: ClaimCondition,
  claims: Claims,
): boolean | 'unknown' | undefined {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  if (value === undefined) return undefined;
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (items.some((item) => withoutCase(item) === withoutCase(equals))) return true;
  const isOther =
    typeof equals === 'boolean'
      ? value === !equals
      : items.every((one) => typeof one === typeof equals);
  return isOther ? false : 'unknown';
}

function withoutCase(value: unknown): unknown {
  return typeof value === 'string' ? canonicalName(value).toLowerCase() : value;
}

function comparable(value: unknown): unknown {
  return typeof value === 'string' ? canonicalName(value) : value;
}
