/** What somebody pasted: a token, the fingerprint in an entry, or the id of the token of a caller. */
export type Traced =
  | { readonly token: string }
  | { readonly fingerprint: string }
  | { readonly tokenId: string };

/** The longest that the service takes. */
const MAX_TOKEN_LENGTH = 8_192;
/** Shorter than any token. The log records it, so that no part of a token may pass for one. */
const TOKEN_ID = /^(?!ey)[\w.:|-]{1,64}$/;

/** Removes what stands around a token in logs and headers. @returns `undefined` for what is neither */
export function readTraced(pasted: string): Traced | undefined {
  const text = pasted
    .trim()
    .replace(/^authorization:\s*/i, '')
    .replace(/^bearer\s+/i, '')
    .replaceAll(/^["'`]+|["'`,;]+$/g, '')
    .replaceAll(/\s/g, '');
  if (/^[\w-]{43}$/.test(text)) return { fingerprint: text };
  if (TOKEN_ID.test(text)) return { tokenId: text };
  if (text === '' || text.length > MAX_TOKEN_LENGTH) return undefined;
  return { token: text };
}
