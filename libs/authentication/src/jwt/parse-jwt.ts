import { isUtf8 } from 'node:buffer';
import { hasDuplicateKeys } from './duplicate-keys.js';
import { type RejectionReason, TokenRejected } from '../bearer/token-refused.js';

/** A JSON Web Token in compact form whose shape has been checked and whose signature has not. */
export interface UnverifiedJwt {
  readonly text: string;
  readonly algorithm: string;
  readonly type: string | undefined;
  readonly keyId: string;
  /** Unverified. */
  readonly claims: Readonly<Record<string, unknown>>;
}

type Header = Pick<UnverifiedJwt, 'algorithm' | 'type' | 'keyId'>;

/** Entra's own limit for the groups claim keeps its tokens below this. */
const LARGEST_TOKEN_CHARACTERS = 12_288;

/** Header parameters that do no harm. `jku`, `jwk`, `x5u`, `x5c` and `crit` are not among them. */
const HEADER_PARAMETERS: ReadonlySet<string> = new Set(['alg', 'typ', 'kid', 'x5t', 'x5t#S256']);

/**
 * Takes a token apart without trusting anything in it. Stricter than RFC 7515 where leniency lets
 * two parsers read one token differently: canonical base64url, valid UTF-8, no duplicate members,
 * no header parameter beyond the few that are known.
 *
 * @throws TokenRejected
 */
export function parseJwt(text: string): UnverifiedJwt {
  if (text.length > LARGEST_TOKEN_CHARACTERS) throw new TokenRejected('oversized');
  const [header, claims, signature, ...rest] = text.split('.');
  if (!header || !claims || !signature || rest.length > 0)
    throw new TokenRejected('malformed-token');
  decoded(signature);
  const { algorithm, type, keyId } = headerOf(header);
  return { text, algorithm, type, keyId, claims: readObject(claims) };
}

/** Good tokens have few headers: one for each key and kind of token. */
const knownHeaders = new Map<string, Header>();
const MOST_KNOWN_HEADERS = 64;
const LONGEST_KNOWN_HEADER_CHARACTERS = 256;

/** What a header says is told by its text alone, so that one that was read is not read again. */
function headerOf(segment: string): Header {
  const known = knownHeaders.get(segment);
  if (known !== undefined) return known;
  const header = readHeader(segment);
  if (segment.length > LONGEST_KNOWN_HEADER_CHARACTERS) return header;
  if (knownHeaders.size >= MOST_KNOWN_HEADERS) knownHeaders.clear();
  knownHeaders.set(segment, header);
  return header;
}

function readHeader(segment: string): Header {
  const header = readObject(segment);
  const strange = Object.keys(header).find((name) => !HEADER_PARAMETERS.has(name));
  if (strange !== undefined) throw new TokenRejected('header-not-allowed', sanitize(strange));
  const { alg: algorithm, typ: type, kid: keyId } = header;
  if (typeof algorithm !== 'string') throw new TokenRejected('algorithm-not-allowed');
  if (type !== undefined && typeof type !== 'string') throw new TokenRejected('type-not-allowed');
  if (typeof keyId !== 'string' || !/^[\x21-\x7e]{1,256}$/.test(keyId))
    throw new TokenRejected('key-unknown');
  return { algorithm, type, keyId };
}

function readObject(segment: string): Record<string, unknown> {
  const bytes = decoded(segment);
  if (!isUtf8(bytes)) throw new TokenRejected('malformed-token');
  const json = bytes.toString('utf8');
  const value = parsed(json);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TokenRejected('malformed-token');
  if (hasDuplicateKeys(json, value)) throw new TokenRejected('duplicate-member');
  return value as Record<string, unknown>; // an object out of JSON
}

/** The bytes of a segment that is the only base64url text for them (RFC 4648, section 3.5). */
function decoded(segment: string): Buffer {
  const bytes = Buffer.from(segment, 'base64url');
  if (bytes.toString('base64url') !== segment) throw new TokenRejected('non-canonical-encoding');
  return bytes;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The parser's message would quote the token.
    throw new TokenRejected('malformed-token');
  }
}

/** Text of a stranger, cut to what a log line can bear. */
export function sanitize(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, '?').slice(0, 64);
}

/** Turns a refusal's reason and a condition into a check on one line. */
export function rejectIf(condition: boolean, reason: RejectionReason, detail?: string): void {
  if (condition) throw new TokenRejected(reason, detail);
}
