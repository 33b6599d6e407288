import { InvalidJson, parseStrictJson } from '#libs/platform';
import { mismatch, TokenRejected } from '../errors.js';

/** A JWT (RFC 7519) of valid form. Neither its signature nor its claims are verified. */
export interface UnverifiedJwt {
  /** Compact serialization. */
  readonly text: string;
  /** `alg` */
  readonly algorithm: string;
  /** `typ` */
  readonly type: string | undefined;
  /** `kid`, which is optional (RFC 7515, section 4.1.4) */
  readonly keyId: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
}

type Header = Pick<UnverifiedJwt, 'algorithm' | 'type' | 'keyId'>;

/** Above the size of any Entra token, whose groups claim is limited. */
const MAX_TOKEN_CHARACTERS = 12_288;

/** Allowed header parameters. Those that refer to keys (`jku`, `jwk`, `x5u`, `x5c`) and `crit` are not. */
const HEADER_PARAMETERS: ReadonlySet<string> = new Set(['alg', 'typ', 'kid', 'x5t', 'x5t#S256']);

/**
 * Parses a JWT in compact serialization without verifying it.
 *
 * Stricter than RFC 7515 wherever two parsers could read one token differently: canonical base64url,
 * strict JSON (`parseStrictJson`), only known header parameters.
 *
 * @throws TokenRejected
 */
export function parseJwt(text: string): UnverifiedJwt {
  if (text.length > MAX_TOKEN_CHARACTERS)
    throw mismatch('oversized', `at most ${MAX_TOKEN_CHARACTERS} characters`, text.length);
  const [header, claims, signature, ...rest] = text.split('.');
  if (!header || !claims || !signature || rest.length > 0) throw notASignedJwt(text);
  decodeBase64url(signature);
  const { algorithm, type, keyId } = headerOf(header);
  const parsed = parseObject(claims);
  // RFC 7800: only the holder of a key may use it (DPoP, mutual TLS), which a bearer does not prove.
  if (parsed.cnf !== undefined)
    throw mismatch('sender-constrained', 'a bearer token', boundBy(parsed.cnf), 'cnf');
  return { text, algorithm, type, keyId, claims: parsed };
}

/** The confirmation method: the thumbprint of a DPoP key (`jkt`) or of a certificate (`x5t#S256`). */
function boundBy(confirmation: unknown): string {
  const isObject = typeof confirmation === 'object' && confirmation !== null;
  return `cnf ${(isObject ? Object.keys(confirmation) : []).join(' ')}`.trim();
}

/** Opaque tokens are a reference that only their issuer can resolve. Encrypted ones have five parts. */
function notASignedJwt(text: string): TokenRejected {
  const partCount = text.split('.').length;
  const form = { 1: 'an opaque token', 5: 'an encrypted token' }[partCount] ?? 'other parts';
  return mismatch('malformed-token', 'a signed JWT', form, form);
}

/** Parsed headers by their encoded text. An issuer uses one header for each key and type of token. */
const headerCache = new Map<string, Header>();
const MAX_CACHED_HEADERS = 64;
const MAX_CACHED_HEADER_CHARACTERS = 256;

function headerOf(segment: string): Header {
  const cached = headerCache.get(segment);
  if (cached !== undefined) return cached;
  const header = parseHeader(segment);
  if (segment.length > MAX_CACHED_HEADER_CHARACTERS) return header;
  if (headerCache.size >= MAX_CACHED_HEADERS) headerCache.clear();
  // A copy: the segment is a slice of the token, and would keep all of it in memory.
  headerCache.set(Buffer.from(segment, 'latin1').toString('latin1'), header);
  return header;
}

function parseHeader(segment: string): Header {
  const header = parseObject(segment);
  const unknown = Object.keys(header).find((name) => !HEADER_PARAMETERS.has(name));
  if (unknown !== undefined)
    throw mismatch('header-not-allowed', [...HEADER_PARAMETERS], unknown, sanitize(unknown));
  const { alg: algorithm, typ: type, kid: keyId } = header;
  if (typeof algorithm !== 'string')
    throw mismatch('algorithm-not-allowed', 'a text', typeof algorithm);
  if (type !== undefined && typeof type !== 'string')
    throw mismatch('type-not-allowed', 'a text', typeof type);
  const isKeyId = typeof keyId === 'string' && /^[\x21-\x7e]{1,256}$/.test(keyId);
  if (keyId !== undefined && !isKeyId)
    throw mismatch('key-unknown', 'a kid of printable ASCII characters', 'another form');
  return { algorithm, type, keyId };
}

function parseObject(segment: string): Record<string, unknown> {
  const value = parseJson(decodeBase64url(segment));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TokenRejected('malformed-token');
  return value as Record<string, unknown>; // an object made from JSON
}

/** Accepts only the canonical encoding of the bytes (RFC 4648, section 3.5). */
function decodeBase64url(segment: string): Buffer {
  const bytes = Buffer.from(segment, 'base64url');
  if (bytes.toString('base64url') !== segment) throw new TokenRejected('non-canonical-encoding');
  return bytes;
}

function parseJson(json: Buffer): unknown {
  try {
    return parseStrictJson(json);
  } catch (error) {
    const isDuplicate = error instanceof InvalidJson && error.reason === 'duplicate-member';
    throw new TokenRejected(isDuplicate ? 'duplicate-member' : 'malformed-token');
  }
}

/** Makes unverified text safe for logs: printable ASCII, at most `maxCharacters` of it and a mark. */
export function sanitize(text: string, maxCharacters = 64): string {
  const start = text.slice(0, maxCharacters).replace(/[^\x20-\x7e]/g, '?');
  return text.length <= maxCharacters ? start : `${start}...[cut: ${text.length} characters]`;
}
