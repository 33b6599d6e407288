import { type CanonicalName, canonicalName, GUID_SOURCE } from '#libs/platform';

const DEFAULT_APP_ID_URI = new RegExp(`^api://(${GUID_SOURCE})$`, 'i');

/**
 * The one form of a value of `aud`. An application's id and its default application id URI,
 * `api://<id>`, name the same: Entra puts the one into v2.0 tokens, the other into v1.0 tokens.
 */
export function canonicalAudience(audience: string): CanonicalName {
  return canonicalName(DEFAULT_APP_ID_URI.exec(audience)?.[1] ?? audience);
}

/** Whether an audience of Entra is among those. Entra writes GUIDs in lower case, except inside URIs. */
export function isAmong(audience: string, audiences: readonly CanonicalName[]): boolean {
  const name = audience.startsWith('api://') ? canonicalAudience(audience) : audience;
  return audiences.some((one) => one === name);
}
