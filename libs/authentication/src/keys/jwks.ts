import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';

/** Algorithms of signatures that can be verified (RFC 7518, section 3.1; RFC 8037; RFC 9864). */
export const SIGNATURE_ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as const;

/** The algorithms that fit a key, by its type or curve. */
const ALGORITHMS_OF_KEY: Readonly<Record<string, readonly string[]>> = {
  rsa: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
  ed25519: ['EdDSA', 'Ed25519'],
};

/** A public key of an issuer, for one algorithm. */
export interface SigningKey {
  readonly keyId: string | undefined;
  readonly algorithm: string;
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

const text = z.string().max(128);

const jwks = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(100) });

/** Public members only: a private one that an issuer published is not read. */
const publicJwk = z.object({
  kid: z.string().min(1).max(256).optional(),
  use: z.literal('sig').optional(),
  alg: z.string().max(32).optional(),
  issuer: z.string().max(512).optional(),
  key: z.discriminatedUnion('kty', [
    z.object({ kty: z.literal('RSA'), n: z.string().max(2048), e: z.string().max(8) }),
    z.object({ kty: z.literal('EC'), crv: text, x: text, y: text }),
    z.object({ kty: z.literal('OKP'), crv: text, x: text }),
  ]),
});

const MIN_MODULUS_BITS = 2048;
const MAX_MODULUS_BITS = 8192;
const MIN_EXPONENT = 65_537n;

/** Keys of a set by `keyName`. Without an id, the only key for an algorithm is found. */
export type SigningKeys = ReadonlyMap<string, SigningKey>;

export interface ImportedKeys {
  readonly keys: SigningKeys;
  /** Ids that several keys for one algorithm have: which one is meant is unknown, so none is used. */
  readonly ambiguousIds: readonly string[];
}

/** Identifies a key in a set. One id may have a key for each algorithm (RFC 7517, section 4.5). */
export function keyName(keyId: string | undefined, algorithm: string): string {
  return `${algorithm} ${keyId ?? ''}`;
}

export function isSameKey(one: SigningKey, other: SigningKey): boolean {
  return one.publicKey.equals(other.publicKey) && one.issuerTemplate === other.issuerTemplate;
}

/**
 * Imports a JSON Web Key Set (RFC 7517). A key serves the algorithms that fit its type: the one of its
 * `alg`, or all of them.
 *
 * @param algorithms those of the issuer; keys for others are skipped
 * @throws Error when the document is malformed or has no usable key
 */
export function importJwks(document: unknown, algorithms: readonly string[]): ImportedKeys {
  const imported = distinct(jwks.parse(document).keys.flatMap((key) => importJwk(key, algorithms)));
  const ambiguous = imported.filter((key) => imported.some((other) => hasNameOf(key, other)));
  const usable = imported.filter((key) => !ambiguous.includes(key));
  if (usable.length === 0) throw new Error('the key set has no usable key');
  const keys = new Map(usable.map((key) => [keyName(key.keyId, key.algorithm), key]));
  for (const algorithm of algorithms) {
    const name = keyName(undefined, algorithm);
    const [only, ...others] = imported.filter((key) => key.algorithm === algorithm);
    if (only !== undefined && others.length === 0) keys.set(name, only);
    else keys.delete(name);
  }
  return { keys, ambiguousIds: [...new Set(ambiguous.map(({ keyId = '' }) => keyId))] };
}

/** Takes repeats of a key for one, as two nodes behind one address publish them. */
function distinct(keys: readonly SigningKey[]): SigningKey[] {
  return keys.filter((key, index) => {
    const earlier = keys.slice(0, index);
    return !earlier.some((other) => hasNameOf(key, other) && isSameKey(key, other));
  });
}

/** Whether another key has the same name. */
function hasNameOf(key: SigningKey, other: SigningKey): boolean {
  return other !== key && other.keyId === key.keyId && other.algorithm === key.algorithm;
}

function importJwk(candidate: object, algorithms: readonly string[]): SigningKey[] {
  const { data } = publicJwk.safeParse({ ...candidate, key: candidate });
  if (data === undefined) return [];
  const publicKey = importKey(data.key);
  if (publicKey === undefined) return [];
  const { kid: keyId, alg, issuer: issuerTemplate } = data;
  const fitting = algorithmsOf(publicKey);
  // EdDSA is the older name of Ed25519, for the same signatures: one of them declares both.
  const declared = alg === 'EdDSA' || alg === 'Ed25519' ? ALGORITHMS_OF_KEY.ed25519 : [alg];
  return algorithms
    .filter((one) => fitting.includes(one) && (alg === undefined || declared?.includes(one)))
    .map((algorithm) => ({ keyId, algorithm, publicKey, issuerTemplate }));
}

function importKey(key: JsonWebKey): KeyObject | undefined {
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** None for a weak RSA key, and for other curves. */
function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly string[] {
  const { modulusLength = 0, publicExponent = 0n, namedCurve } = asymmetricKeyDetails ?? {};
  const isStrong =
    asymmetricKeyType !== 'rsa' ||
    (modulusLength >= MIN_MODULUS_BITS &&
      modulusLength <= MAX_MODULUS_BITS &&
      publicExponent >= MIN_EXPONENT);
  return isStrong ? (ALGORITHMS_OF_KEY[namedCurve ?? asymmetricKeyType ?? ''] ?? []) : [];
}
