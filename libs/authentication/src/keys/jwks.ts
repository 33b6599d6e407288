import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';

/** A public key that an issuer signs tokens with. */
export interface SigningKey {
  readonly keyId: string;
  readonly key: KeyObject;
  /** The issuer that alone may use the key, where the key set says so; may hold `{tenantid}`. */
  readonly issuer: string | undefined;
}

/** What is used of OpenID Connect discovery (OpenID Connect Discovery 1.0, section 3). */
export const discoveryDocument = z.object({
  issuer: z.string().min(1).max(512),
  jwks_uri: z.url({ protocol: /^https$/ }).max(1024),
});

const keySetDocument = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(100) });

const rsaKey = z.object({
  kty: z.literal('RSA'),
  kid: z.string().min(1).max(256),
  n: z.string().max(2048),
  e: z.string().max(8),
  use: z.literal('sig').optional(),
  alg: z.literal('RS256').optional(),
  issuer: z.string().max(512).optional(),
});

const SMALLEST_MODULUS_BITS = 2048;
const LARGEST_MODULUS_BITS = 8192;
const SMALLEST_EXPONENT = 65_537n;

/**
 * The usable keys of a JSON Web Key Set (RFC 7517): RSA for RS256, 2048 bits or more. Keys for
 * other purposes are passed over.
 *
 * @throws Error when the document is none, names a key id twice, or holds no usable key
 */
export function importJwks(document: unknown): ReadonlyMap<string, SigningKey> {
  const keys = new Map<string, SigningKey>();
  for (const candidate of keySetDocument.parse(document).keys) {
    const key = readKey(candidate);
    if (key === undefined) continue;
    if (keys.has(key.keyId)) throw new Error('a key id stands for two keys');
    keys.set(key.keyId, key);
  }
  if (keys.size === 0) throw new Error('the key set holds no usable key');
  return keys;
}

function readKey(candidate: unknown): SigningKey | undefined {
  const { data } = rsaKey.safeParse(candidate);
  if (data === undefined) return undefined;
  const key = importKey(data.n, data.e);
  return key && { keyId: data.kid, key, issuer: data.issuer };
}

function importKey(n: string, e: string): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
    const isSound =
      modulusLength >= SMALLEST_MODULUS_BITS &&
      modulusLength <= LARGEST_MODULUS_BITS &&
      publicExponent >= SMALLEST_EXPONENT;
    return isSound ? key : undefined;
  } catch {
    return undefined;
  }
}
