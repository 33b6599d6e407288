import { problem } from '#libs/platform';

/**
 * Why an invitation lets nobody in. For the audit log and the operational log:
 *
 * - `malformed`, `forged`: this service has not signed it.
 * - `unknown`: signed, and not among the stored ones.
 * - `without-rule`: the policy gives its scopes to no visitor any more.
 */
export type RefusalReason =
  | 'malformed'
  | 'forged'
  | 'expired'
  | 'unknown'
  | 'ended'
  | 'used-up'
  | 'without-rule';

/** The invitation lets nobody in. The same for every reason, so that a guess learns nothing. */
export class InvitationRefused extends problem(
  'invitation-refused',
  403,
  'The invitation is not accepted',
  'The invitation is unknown, has expired, has ended or is used up. Request a new one.',
) {
  /** @param invitation its id, if this service has signed it */
  constructor(
    readonly reason: RefusalReason,
    readonly invitation?: string,
  ) {
    super();
  }
}

/** The tenant has no such invitation. */
export class InvitationNotFound extends problem(
  'invitation-not-found',
  404,
  'There is no such invitation',
  'There is no invitation with this id, or the caller may not see it.',
) {}
