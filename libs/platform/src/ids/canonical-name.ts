import { canonicalCommunicationUserId } from './communication-user-id.js';
import { type Canonical, canonicalGuid } from './guid.js';

/**
 * The canonical form of an identifier that may be a GUID or a communication user id, such as a tenant,
 * a subject or a client application: those two in lower case, any other text unchanged. Made by
 * `canonicalName`.
 */
export type CanonicalName = Canonical<'guid' | 'communicationUserId' | 'name'>;

/** The one form of an identifier. Two texts name the same if their forms are equal. */
export function canonicalName(text: string): CanonicalName {
  const known = canonicalGuid(text) ?? canonicalCommunicationUserId(text);
  return known ?? (text as CanonicalName); // other names have one form only
}
