import { ServiceError } from '#libs/platform';

/** The application identity has no communication identity yet. */
export class MappingNotFound extends ServiceError {
  override readonly code = 'mapping-not-found';
  override readonly status = 404;
  override readonly title = 'No communication identity is mapped';

  constructor() {
    super('This application identity has no communication identity. Ask for a token to get one.');
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

/** One application identity came as two kinds, such as first as a service and then as a bot. */
export class IdentityKindConflict extends ServiceError {
  override readonly code = 'identity-kind-conflict';
  override readonly status = 409;
  override readonly title = 'The application identity is mapped under another kind';

  constructor() {
    super('The application identity is already mapped, under another kind than the one asked for.');
  }
}

/** A lease ended before its work did; somebody else goes on with the mapping. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}
