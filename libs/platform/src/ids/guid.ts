declare const canonical: unique symbol;

/** A text in the one canonical form of its kind. Only the functions that make the form give the type. */
export type Canonical<Kind extends string> = string & { readonly [canonical]: Kind };

/** A GUID in its canonical form: lower case, with hyphens, without braces. */
export type Guid = Canonical<'guid'>;

/** Source of a regular expression that matches one GUID, for patterns that contain GUIDs. */
export const GUID_SOURCE = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

/** Matches a GUID in either case. */
export const GUID_PATTERN = new RegExp(`^${GUID_SOURCE}$`, 'i');

/** Matches a GUID in its canonical form only. */
export const CANONICAL_GUID_PATTERN = new RegExp(`^${GUID_SOURCE}$`);

/** Whether a text is a GUID, in either case. */
export function isGuid(text: string): boolean {
  return GUID_PATTERN.test(text);
}

/** Whether a text is a GUID in its canonical form. */
export function isCanonicalGuid(text: string): text is Guid {
  return CANONICAL_GUID_PATTERN.test(text);
}

/** @returns the canonical form of a GUID, or `undefined` for any other text */
export function canonicalGuid(text: string): Guid | undefined {
  const lowerCase = text.toLowerCase();
  return isCanonicalGuid(lowerCase) ? lowerCase : undefined;
}
