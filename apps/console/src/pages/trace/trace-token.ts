/** What somebody pasted: a token, or the fingerprint in an entry. */
export type Traced = { readonly token: string } | { readonly fingerprint: string };

/** The longest that the service takes. */
const MAX_TOKEN_LENGTH = 8_192;

/** Removes what stands around a token in logs and headers. @returns `undefined` for what is neither */
export function readTraced(pasted: string): Traced | undefined {
  const text = pasted
    .trim()
    .replace(/^authorization:\s*/i, '')
    .replace(/^bearer\s+/i, '')
    .replaceAll(/^["'`]+|["'`,;]+$/g, '')
    .replaceAll(/\s/g, '');
  if (/^[\w-]{43}$/.test(text)) return { fingerprint: text };
  if (text === '' || text.length > MAX_TOKEN_LENGTH) return undefined;
  return { token: text };
}
