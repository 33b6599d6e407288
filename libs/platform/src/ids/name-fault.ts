import { isGuid } from './guid.js';

const MAX_CHARACTERS = 256;

/** One joiner, which many scripts and emoji need, beside a character that is not ASCII. */
const JOINER =
  /(?<=[^\0-\x7f\u200c\u200d])[\u200c\u200d](?![\u200c\u200d])|(?<![\u200c\u200d])[\u200c\u200d](?=[^\0-\x7f\u200c\u200d])/gu;
/** One variation selector, as in emoji, after a character that is not ASCII or within a keycap. */
const VARIATION =
  /(?<=[^\0-\x7f\u200c\u200d])[\ufe00-\ufe0f](?![\ufe00-\ufe0f])|[\ufe00-\ufe0f](?=\u20e3)/gu;
/** Control, format, unassigned, private and surrogate characters, what is shown as nothing, line separators. */
const INVISIBLE = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u;
/** As `nameFault` says it. */
export const DECORATED_GUID = 'must be the id as tokens have it, without braces';
const OTHER_SPACES = /[^\P{Zs} ]/u;

/**
 * Why a text can't name a tenant, a subject or a client application: it is empty or too long, or two such
 * texts would look alike. The one rule wherever names enter: tokens, headers, requests, lines, options,
 * settings. What one of them accepts can be named at all others.
 *
 * @returns `undefined` for a name; otherwise how it must be, as in "subject must …"
 */
export function nameFault(text: string): string | undefined {
  if (text === '') return 'must not be empty';
  if (text.length > MAX_CHARACTERS) return `must have at most ${MAX_CHARACTERS} characters`;
  if (text.trim() !== text) return 'must not begin or end with a space';
  if (OTHER_SPACES.test(text)) return 'must not hold spaces other than U+0020';
  if (INVISIBLE.test(text.replaceAll(JOINER, '').replaceAll(VARIATION, '')))
    return 'must not hold control or invisible characters';
  if (isDecoratedGuid(text)) return DECORATED_GUID;
  return undefined;
}

/** Whether a text is a GUID in braces or in wide characters, which would name somebody else than the GUID. */
export function isDecoratedGuid(text: string): boolean {
  const plain = text.normalize('NFKC').replaceAll(/[{}()]/g, '');
  return plain !== text && isGuid(plain);
}
