import { ServiceError } from '#libs/platform';

/** There is no such mapping, or it is none of the caller's business. */
export class MappingNotFound extends ServiceError {
  override readonly code = 'mapping-not-found';
  override readonly status = 404;
  override readonly title = 'No communication identity is mapped';

  constructor() {
    super('There is no such communication identity. Asking for a token creates the caller’s own.');
  }
}

/** The communication identity is being made by another request, and that takes too long to wait for. */
export class MappingPending extends ServiceError {
  override readonly code = 'mapping-pending';
  override readonly status = 503;
  override readonly title = 'The communication identity is being created';

  constructor() {
    super('Another request is creating this communication identity. Repeat the request.', {
      retryAfterSeconds: 2,
    });
  }
}

/** The mapping is suspended or on its way to being deleted, so it gets no tokens. */
export class MappingNotActive extends ServiceError {
  override readonly code = 'mapping-not-active';
  override readonly status = 403;
  override readonly title = 'The communication identity is not active';

  constructor(status: string) {
    super(`The communication identity is ${status}. An identity administrator can tell why.`);
  }
}

/** A revocation is not confirmed by ACS yet; a token issued now could die with it. */
export class RevocationPending extends ServiceError {
  override readonly code = 'revocation-pending';
  override readonly status = 503;
  override readonly title = 'The tokens of the communication identity are being revoked';

  constructor() {
    super('The tokens of this identity are being revoked. Ask again for a new one.', {
      retryAfterSeconds: 5,
    });
  }
}

/** One application identity came as two kinds, such as first as a service and then as a bot. */
export class IdentityKindConflict extends ServiceError {
  override readonly code = 'identity-kind-conflict';
  override readonly status = 409;
  override readonly title = 'The application identity is mapped under another kind';

  constructor() {
    super('The application identity is already mapped, under another kind than the one asked for.');
  }
}

/** A link contradicts a mapping that exists: either side of it is tied to something else. */
export class IdentityLinkConflict extends ServiceError {
  override readonly code = 'identity-link-conflict';
  override readonly status = 409;
  override readonly title = 'One of the two identities is mapped to another one';

  constructor() {
    super(
      'The application identity or the communication identity is, or was, mapped to another one.',
    );
  }
}

/** The mapping's state does not allow the change. */
export class MappingStateConflict extends ServiceError {
  override readonly code = 'mapping-state-conflict';
  override readonly status = 409;
  override readonly title = 'The state of the communication identity does not allow this';

  constructor(status: string) {
    super(`The communication identity is ${status}, which does not allow the change.`);
  }
}

/** The mapping is not the one that the caller read: `If-Match` names another version. */
export class MappingVersionMismatch extends ServiceError {
  override readonly code = 'mapping-version-mismatch';
  override readonly status = 412;
  override readonly title = 'The communication identity has changed since it was read';

  constructor() {
    super('If-Match does not name the current version. Read the identity again, then repeat.');
  }
}

/** A principal acts in its own tenant alone. */
export class TenantNotAllowed extends ServiceError {
  override readonly code = 'tenant-not-allowed';
  override readonly status = 403;
  override readonly title = 'The tenant is not the caller’s own';

  constructor() {
    super('A caller manages the identities of its own tenant. Leave tenant out, or name your own.');
  }
}

/** A lease ended before its work did; somebody else goes on with it. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** Somebody else changed or added the row first; the service reads it again and decides anew. */
export class MappingChanged extends Error {
  override readonly name = 'MappingChanged';
}
