declare const canonical: unique symbol;

/** A GUID in its canonical form: lower case, with hyphens, without braces. */
export type Guid = string & { readonly [canonical]: 'guid' };

/**
 * The canonical form of an identifier that may be a GUID or the id of an ACS user, such as a tenant,
 * a subject or a client application: those two in lower case, any other text unchanged. Made by
 * `canonicalName`.
 */
export type CanonicalName = string & {
  readonly [canonical]: 'guid' | 'communicationUserId' | 'name';
};

/** The id of an ACS user in its canonical form: lower case. Made by `canonicalCommunicationUserId`. */
export type CommunicationUserId = string & { readonly [canonical]: 'communicationUserId' };

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

/** The one form of an identifier. Two texts name the same if their forms are equal. */
export function canonicalName(text: string): CanonicalName {
  const known = canonicalGuid(text) ?? canonicalCommunicationUserId(text);
  return known ?? (text as CanonicalName); // other names have one form only
}

const ACS_USER_PATTERN = new RegExp(`^8:acs:(${GUID_SOURCE})_${GUID_SOURCE}$`);

/** @returns the canonical form of the id of an ACS user, or `undefined` for any other text */
export function canonicalCommunicationUserId(text: string): CommunicationUserId | undefined {
  const lowerCase = text.toLowerCase();
  return ACS_USER_PATTERN.test(lowerCase) ? (lowerCase as CommunicationUserId) : undefined;
}

/** The GUID of the ACS resource that an ACS user belongs to: the first one in its id. */
export function resourceIdOf(user: CommunicationUserId): string | undefined {
  return ACS_USER_PATTERN.exec(user)?.[1];
}
