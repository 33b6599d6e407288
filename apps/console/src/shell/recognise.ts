import {
  holdsToken,
  isCallerToken,
  likeliestIssued,
  tokenIdOf,
  tokensIn,
  withoutInvisible,
} from '#libs/token-text';
import { ENTRA_TOKEN_ID, FINGERPRINT, isRequestIdOfProxy, USER_ID, UUID } from './id-forms.js';

/** What a text of the search box is: a filter, an entry or an identity, or what only Trace may have. */
export type Recognised =
  | { readonly kind: 'filter'; readonly name: string; readonly value: string }
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'tokenId'; readonly tokenId: string }
  /** It has a token, or a part of one: it is no name, and in no address, history or search. */
  | { readonly kind: 'token' };

/** What stands around ids in JSON, headers, sentences and lists. */
const BEFORE_ID =
  /^[\s"'`“”„‘’<({[]*(?:(?:x-)?request[-_ ]?(?:id)?["']?\s*[:=\s]\s*)?[\s"'`“”„‘’<({[]*/i;
const AFTER_ID = /[\s"'`“”‘’>)}\],;.]+$/;

/** Decides by the form of an id what it is the id of. The page offers the others when it finds none. */
export function recognise(typed: string): Recognised | undefined {
  if (holdsToken(typed)) return { kind: 'token' };
  const text = withoutInvisible(typed).trim();
  if (text === '') return undefined;
  return recogniseId(bareId(text)) ?? filter('displayName', text);
}

function recogniseId(id: string): Recognised | undefined {
  if (USER_ID.test(id)) return filter('communicationUserId', id);
  const version = UUID.exec(id)?.[1];
  // Of an entry or an identity: both have a time in them.
  if (version === '7') return { kind: 'id', id: id.toLowerCase() };
  // Of a request, a person or an app.
  if (version !== undefined || isRequestIdOfProxy(id)) return filter('requestId', id);
  const index = /^#(\d{1,15})$/.exec(id)?.[1];
  if (index !== undefined) return { kind: 'index', index: Number(index) };
  if (/^[\d.]{7,15}$|^[\da-f]*:[\da-f:.]+$/i.test(id)) return filter('clientAddress', id);
  if (/^[\da-f.:]+\/\d{1,3}$/i.test(id)) return filter('address', id);
  if (ENTRA_TOKEN_ID.test(id)) return { kind: 'tokenId', tokenId: id };
  if (FINGERPRINT.test(id)) return filter('fingerprint', id);
  return undefined;
}

/** What Trace sends to the service, and what it knows of it. */
export interface Traced {
  readonly by:
    | { readonly token: string }
    | { readonly fingerprint: string }
    | { readonly tokenId: string };
  readonly what: TracedText;
}

/** A traced text without its token. */
export type TracedText =
  | { readonly is: 'fingerprint' | 'tokenId'; readonly id: string }
  | {
      readonly is: 'token';
      readonly isOfCaller: boolean;
      /** Of a token of a caller: its `uti` or `jti`. */
      readonly tokenId: string | undefined;
      /** How many the text has. */
      readonly tokens: number;
    };

/** The id of the token of a caller, in any form. */
const CALLER_TOKEN_ID = /^[\w.:|-]{1,64}$/;

/** @returns `undefined` for what has the form of neither a token, nor the id of one, nor a fingerprint */
export function readTraced(pasted: string): Traced | undefined {
  const tokens = tokensIn(pasted);
  const found = likeliestIssued(tokens);
  if (found)
    return {
      by: { token: found.token },
      what: {
        is: 'token',
        isOfCaller: isCallerToken(found),
        tokenId: tokenIdOf(found),
        tokens: tokens.length,
      },
    };
  const id = bareId(withoutInvisible(pasted));
  if (holdsToken(pasted) || !CALLER_TOKEN_ID.test(id)) return undefined;
  return FINGERPRINT.test(id) ? tracedFingerprint(id) : tracedId(id);
}

export function tracedFingerprint(fingerprint: string): Traced {
  return { by: { fingerprint }, what: { is: 'fingerprint', id: fingerprint } };
}

export function tracedId(tokenId: string): Traced {
  return { by: { tokenId }, what: { is: 'tokenId', id: tokenId } };
}

function bareId(text: string): string {
  return text.replace(BEFORE_ID, '').replace(AFTER_ID, '');
}

function filter(name: string, value: string): Recognised {
  return { kind: 'filter', name, value };
}
