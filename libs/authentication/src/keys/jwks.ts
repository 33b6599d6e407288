import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';

/** A public key of an issuer. */
export interface SigningKey {
  readonly keyId: string;
  readonly publicKey: KeyObject;
  /**
   * The only issuer whose tokens the key may verify; may contain `{tenantid}`. Entra's extension of
   * JWKs; `undefined` for other providers.
   */
  readonly issuerTemplate: string | undefined;
}

/** The members of a discovery document that are read (OpenID Connect Discovery 1.0, section 3). */
export const discoveryDocument = z.object({
  issuer: z.string().min(1).max(512),
  jwks_uri: z.url({ protocol: /^https$/ }).max(1024),
});

const jwks = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(100) });

const rsaJwk = z.object({
  kty: z.literal('RSA'),
  kid: z.string().min(1).max(256),
  n: z.string().max(2048),
  e: z.string().max(8),
  use: z.literal('sig').optional(),
  alg: z.literal('RS256').optional(),
  issuer: z.string().max(512).optional(),
});

const MIN_MODULUS_BITS = 2048;
const MAX_MODULUS_BITS = 8192;
const MIN_EXPONENT = 65_537n;

/**
 * Imports a JSON Web Key Set (RFC 7517).
 *
 * @returns the RSA keys for RS256, by key id; all others are skipped
 * @throws Error when the document is malformed, repeats a key id, or has no usable key
 */
export function importJwks(document: unknown): ReadonlyMap<string, SigningKey> {
  const keys = new Map<string, SigningKey>();
  for (const candidate of jwks.parse(document).keys) {
    const key = importJwk(candidate);
    if (key === undefined) continue;
    if (keys.has(key.keyId)) throw new Error('the key set repeats a key id');
    keys.set(key.keyId, key);
  }
  if (keys.size === 0) throw new Error('the key set has no usable key');
  return keys;
}

function importJwk(candidate: unknown): SigningKey | undefined {
  const { data } = rsaJwk.safeParse(candidate);
  if (data === undefined) return undefined;
  const publicKey = importRsaKey(data.n, data.e);
  return publicKey && { keyId: data.kid, publicKey, issuerTemplate: data.issuer };
}

function importRsaKey(n: string, e: string): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
    const isStrong =
      modulusLength >= MIN_MODULUS_BITS &&
      modulusLength <= MAX_MODULUS_BITS &&
      publicExponent >= MIN_EXPONENT;
    return isStrong ? key : undefined;
  } catch {
    return undefined;
  }
}
