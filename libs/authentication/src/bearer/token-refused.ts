/**
 * Why credentials are no good, for operators and auditors only. One word each, constant, so that
 * refusals can be counted by it.
 */
export type RejectionReason =
  | 'no-credentials'
  | 'other-scheme'
  | 'several-authorization-headers'
  | 'malformed-header'
  | 'oversized'
  | 'malformed-token'
  | 'non-canonical-encoding'
  | 'duplicate-member'
  | 'header-not-allowed'
  | 'algorithm-not-allowed'
  | 'type-not-allowed'
  | 'issuer-not-trusted'
  | 'tenant-not-allowed'
  | 'version-not-allowed'
  | 'key-unknown'
  | 'key-of-other-issuer'
  | 'signature'
  | 'claims-malformed'
  | 'audience'
  | 'expired'
  | 'not-yet-valid'
  | 'lifetime-too-long'
  | 'not-an-access-token'
  | 'client-app-not-allowed'
  | 'client-authentication-too-weak';

/** The credentials are no good. Never leaves the library: the caller learns no reason. */
export class TokenRejected extends Error {
  /** @param detail what an operator needs besides; never the token or a part of its signature */
  constructor(
    readonly reason: RejectionReason,
    readonly detail?: string,
    options?: ErrorOptions,
  ) {
    super(reason, options);
    this.name = 'TokenRejected';
  }
}
