/** What an application identity can be. */
export const IDENTITY_KINDS = ['user', 'service', 'bot'] as const;
export type IdentityKind = (typeof IDENTITY_KINDS)[number];

/** The caller's own notion of who: for Entra, `tenant` is `tid` and `subject` is `oid`. */
export interface ApplicationIdentity {
  readonly tenant: string;
  readonly subject: string;
  readonly kind: IdentityKind;
}
