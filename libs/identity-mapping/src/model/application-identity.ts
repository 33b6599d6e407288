/** What an application identity can be. */
export const IDENTITY_KINDS = ['user', 'service', 'bot'] as const;
export type IdentityKind = (typeof IDENTITY_KINDS)[number];

/** The caller's own notion of who: for Entra, `tenant` is `tid` and `subject` is `oid`. */
export interface ApplicationIdentity {
  readonly tenant: string;
  readonly subject: string;
  readonly kind: IdentityKind;
}

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * A tenant or subject in its one spelling: GUIDs in lower case, as they stand in tokens; anything
 * else as it is. Two spellings would be two identities.
 */
export function canonicalName(name: string): string {
  return GUID.test(name) ? name.toLowerCase() : name;
}

/** An application identity with tenant and subject in their one spelling. */
export function canonicalIdentity({
  tenant,
  subject,
  kind,
}: ApplicationIdentity): ApplicationIdentity {
  return { tenant: canonicalName(tenant), subject: canonicalName(subject), kind };
}
