import { readableText } from './readable-text.js';

/** A JSON Web Token that was found in a text, and what it says of itself, which is not verified. */
export interface FoundToken {
  readonly token: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Characters of a text that are searched for tokens: each place where one may begin is tried. */
export const MAX_TEXT_LENGTH = 65_536;
const MAX_HEADER_LENGTH = 1_024;
/** Longer tokens are refused by the service. */
const MAX_PART_LENGTH = 8_192;

/** The first characters of a header in base64url: of `{"` and `{ `, whatever follows. */
const HEADER_START = /e\s*y\s*[A-DI-L]/g;

const HEADER = new RegExp(String.raw`^([\w\s-]{4,${MAX_HEADER_LENGTH}})\.`);
const PAYLOAD = new RegExp(String.raw`^([\w\s-]{4,${MAX_PART_LENGTH}})\.\s*`);
const LINES_OF_SIGNATURE = /^[\w-]+(?:\s+[\w-]+)*/;

/** Lengths of signatures in base64url, by `alg` (RFC 7518); of RSA with keys of 2,048, 3,072 and 4,096 bits. */
const RSA_LENGTHS: readonly number[] = [342, 512, 683];
const SIGNATURE_LENGTHS: ReadonlyMap<unknown, readonly number[]> = new Map(
  Object.entries({
    ...{ HS256: [43], HS384: [64], HS512: [86] },
    ...{ RS256: RSA_LENGTHS, RS384: RSA_LENGTHS, RS512: RSA_LENGTHS },
    ...{ PS256: RSA_LENGTHS, PS384: RSA_LENGTHS, PS512: RSA_LENGTHS },
    ...{ ES256: [86], ES384: [128], ES512: [176], EdDSA: [86] },
  }),
);

/**
 * Of what begins like a token, or is longer than any id: a part of one, with or without the rest. Of the
 * beginnings of a header only those of `{"` before a letter and of `{ ` before a blank or a quote, without blanks
 * in them: few words have one.
 */
const PART_OF_TOKEN = /ey[JA][\w-]{8}|[\w-]{100}/;

/**
 * The whole tokens in a text, in its order: in JSON, addresses, headers, commands, quotes and brackets, and over
 * broken lines. A token that is cut short is none: its signature has not the length that its `alg` makes. Only
 * the first `MAX_TEXT_LENGTH` characters are searched.
 */
export function tokensIn(text: string): readonly FoundToken[] {
  const readable = readableText(text.slice(0, MAX_TEXT_LENGTH));
  const found = new Map<string, FoundToken>();
  let dot = -1;
  for (const { index } of readable.matchAll(HEADER_START)) {
    if (dot < index) dot = readable.indexOf('.', index);
    if (dot === -1) break;
    // So that the time for a text does not grow with what may begin a token in it.
    if (dot - index > MAX_HEADER_LENGTH) continue;
    const token = tokenAt(readable.slice(index));
    if (token) found.set(token.token, token);
  }
  return [...found.values()];
}

/**
 * Whether a text has a token or a recognisable part of one, so that it may be stored and shown nowhere. Also true
 * of any text that is longer than `MAX_TEXT_LENGTH`.
 */
export function holdsToken(text: string): boolean {
  if (text.length > MAX_TEXT_LENGTH) return true;
  return PART_OF_TOKEN.test(readableText(text)) || tokensIn(text).length > 0;
}

/** Whether it is a token that somebody calls this service with. Those of ACS name their identity, and no issuer. */
export function isCallerToken({ claims }: FoundToken): boolean {
  return 'iss' in claims && !('skypeid' in claims);
}

/** Of several tokens the one that this service may have issued: in a command, that of its caller may precede it. */
export function likeliestIssued(tokens: readonly FoundToken[]): FoundToken | undefined {
  return tokens.find((token) => !isCallerToken(token)) ?? tokens[0];
}

/** The id of a token of a caller, as the log has it: `uti` of Entra ID, `jti` of others. */
export function tokenIdOf({ claims }: FoundToken): string | undefined {
  return [claims.uti, claims.jti].find((id) => typeof id === 'string' && id !== '') as
    | string
    | undefined; // by the condition
}

/** The token that a text begins with. */
function tokenAt(text: string): FoundToken | undefined {
  const [first = '', header = ''] = HEADER.exec(text) ?? [];
  const fields = objectOf(header);
  if (!fields) return undefined;
  const [second = '', payload = ''] = PAYLOAD.exec(text.slice(first.length)) ?? [];
  const claims = objectOf(payload);
  if (!claims) return undefined;
  const signature = signatureAt(text.slice(first.length + second.length), fields.alg);
  if (signature === undefined) return undefined;
  return { token: [...[header, payload].map(withoutBlanks), signature].join('.'), claims };
}

/** A signature may be broken into lines, and more words may follow it: its length decides. */
function signatureAt(text: string, alg: unknown): string | undefined {
  const lines = LINES_OF_SIGNATURE.exec(text.slice(0, MAX_PART_LENGTH))?.[0].split(/\s+/) ?? [];
  const lengths = SIGNATURE_LENGTHS.get(alg);
  if (!lengths) return lines[0];
  let signature = '';
  for (const line of lines) {
    signature += line;
    if (lengths.includes(signature.length)) return signature;
  }
  return undefined;
}

function objectOf(part: string): Record<string, unknown> | undefined {
  try {
    const base64 = withoutBlanks(part).replaceAll('-', '+').replaceAll('_', '/');
    const value: unknown = JSON.parse(atob(base64));
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>) // an object, which may be a list as well
      : undefined;
  } catch {
    return undefined;
  }
}

function withoutBlanks(text: string): string {
  return text.replaceAll(/\s/g, '');
}
