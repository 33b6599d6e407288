/** What a text of the search box is: a filter, an entry or an identity, or a leaked token. */
export type Recognised =
  | { readonly kind: 'filter'; readonly name: string; readonly value: string }
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'tokenId'; readonly tokenId: string };

const UUID = /^[\da-f]{8}-[\da-f]{4}-([\da-f])[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/i;
/** A JSON Web Token: never part of an address, and never sent but to the trace. */
const TOKEN = /^(bearer\s+)?["']?(ey[\w-]+\.[\w-]+\.[\w-]*)["']?$/i;

/** The id that Entra gives its tokens (`uti`): sixteen bytes in base64url. */
const CALLER_TOKEN_ID = /^[\w-]{21}[AQgw]$/;

/** The raw id of a user or an application of ACS or Teams. */
export const USER_ID = /^(8|28):[a-z-]+:[\w-]+$/i;

/** Decides by the form of an id what it is the id of. */
export function recognise(typed: string): Recognised | undefined {
  const text = typed.trim();
  if (text === '') return undefined;
  const token = TOKEN.exec(text)?.[2];
  if (token !== undefined) return { kind: 'token', token };
  const version = UUID.exec(text)?.[1];
  if (USER_ID.test(text)) return { kind: 'filter', name: 'communicationUserId', value: text };
  // Of an entry or an identity: both have a time in them.
  if (version === '7') return { kind: 'id', id: text.toLowerCase() };
  // Of a request, a person or an app: the page offers the others when it finds none.
  if (version !== undefined) return { kind: 'filter', name: 'requestId', value: text };
  if (/^[\da-f]{32}$/i.test(text)) return { kind: 'filter', name: 'traceId', value: text };
  const index = /^#(\d{1,15})$/.exec(text)?.[1];
  if (index !== undefined) return { kind: 'index', index: Number(index) };
  if (/^[\d.]{7,15}$|^[\da-f]*:[\da-f:.]+$/i.test(text))
    return { kind: 'filter', name: 'clientAddress', value: text };
  if (/^[\da-f.:]+\/\d{1,3}$/i.test(text)) return { kind: 'filter', name: 'address', value: text };
  if (CALLER_TOKEN_ID.test(text)) return { kind: 'tokenId', tokenId: text };
  if (/^[\w-]{43}$/.test(text)) return { kind: 'filter', name: 'fingerprint', value: text };
  return { kind: 'filter', name: 'displayName', value: text };
}
