import { problem } from '#libs/platform';

/** There is no such mapping, or the caller may not see it. */
export class MappingNotFound extends problem(
  'mapping-not-found',
  404,
  'No communication identity is mapped',
  'There is no such communication identity. Requesting a token creates the caller’s own.',
) {}

/** An erasure names a person without any mapping: mostly a mistyped identifier. */
export class PersonNotMapped extends problem(
  'person-not-mapped',
  404,
  'The person has no communication identity',
  'No communication identity is, or was, mapped to this tenant and subject. Nothing was deleted.',
) {}

/** Another request is creating the communication identity, and has not committed it in time. */
export class MappingPending extends problem(
  'mapping-pending',
  503,
  'The communication identity is being created',
  'Another request is creating this communication identity. Repeat the request.',
  { retryAfterSeconds: 2 },
) {}

/** The mapping is suspended or being deleted, so that no token is issued for it. */
export class MappingNotActive extends problem(
  'mapping-not-active',
  403,
  'The communication identity is not active',
) {
  constructor(status: string) {
    super({
      facts: { mapping: status },
      detail: `The communication identity is ${status}. An identity administrator knows why.`,
    });
  }
}

/** ACS has not confirmed a revocation yet; it could revoke a token that is issued now. */
export class RevocationPending extends problem(
  'revocation-pending',
  503,
  'The tokens of the communication identity are being revoked',
  'The tokens of this identity are being revoked. Repeat the request for a new one.',
) {
  constructor(retryAfterSeconds = 5) {
    super({ retryAfterSeconds });
  }
}

/** There is no such mass revocation, or the caller may not see it. */
export class RevocationNotFound extends problem(
  'revocation-not-found',
  404,
  'There is no such mass revocation',
  'No mass revocation of the caller’s tenant has this id.',
) {}

/** A mass revocation would concern nobody: mostly a mistyped filter. */
export class NobodyToRevoke extends problem(
  'nobody-to-revoke',
  404,
  'The mass revocation would concern nobody',
  'No communication identity and no Teams Phone assignment meets the filter. Nothing was revoked.',
) {}

/** The application identity is mapped under another kind, such as `service` instead of `bot`. */
export class IdentityKindConflict extends problem(
  'identity-kind-conflict',
  409,
  'The application identity is mapped under another kind',
  'The application identity is already mapped, under another kind than the requested one.',
) {}

/** A caller names a communication identity as its own which is not, whether it exists or not. */
export class OtherIdentity extends problem(
  'other-identity',
  403,
  'The communication identity is not the caller’s own',
  'This route gives tokens of the caller’s own communication identity only.',
) {}

/** One side of a link is mapped to another identity. */
export class IdentityLinkConflict extends problem(
  'identity-link-conflict',
  409,
  'One of the two identities is mapped to another one',
  'The application identity or the communication identity is, or was, mapped to another one.',
) {}

/**
 * The caller may not claim a communication identity that this service has not created for its
 * tenant. The same for identities that exist, that are mapped, and that do not exist.
 */
export class IdentityLinkNotAllowed extends problem(
  'identity-link-not-allowed',
  403,
  'The communication identity can not be linked by this caller',
  'Communication identities that this service has not created are linked by its operators.',
) {}

/** The status of the mapping does not allow the change. */
export class MappingStateConflict extends problem(
  'mapping-state-conflict',
  409,
  'The state of the communication identity does not allow this',
) {
  constructor(status: string) {
    super({ detail: `The communication identity is ${status}, which does not allow the change.` });
  }
}

/** `If-Match` names another version than the stored one. */
export class MappingVersionMismatch extends problem(
  'mapping-version-mismatch',
  412,
  'The communication identity has changed since it was read',
  'If-Match does not name the current version. Read the identity again, then repeat.',
) {}

/** A principal may act in its own tenant only. */
export class TenantNotAllowed extends problem(
  'tenant-not-allowed',
  403,
  'The tenant is not the caller’s own',
  'A caller manages the identities of its own tenant. Leave tenant out, or name your own.',
) {}

/** A lease has expired before its work was done; another caller has taken the mapping over. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** Another caller has changed or added the row. The service reads it again and decides again. */
export class MappingChanged extends Error {
  override readonly name = 'MappingChanged';
}
