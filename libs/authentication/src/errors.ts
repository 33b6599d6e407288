import { ServiceError } from '#libs/platform';
import { bearerChallenge } from './http/www-authenticate.js';
import type { Permission } from './access/permission.js';

/** A refusal that has to tell the caller how to authenticate. */
export abstract class ChallengeError extends ServiceError {
  /** The value of the `WWW-Authenticate` header. */
  abstract readonly challenge: string;
}

/** The request carries no credentials at all. */
export class Unauthenticated extends ChallengeError {
  override readonly code = 'unauthenticated';
  override readonly status = 401;
  override readonly title = 'An access token is required';
  override readonly challenge = bearerChallenge();

  constructor() {
    super('Send an access token for this service in the Authorization header: Bearer <token>.');
  }
}

/**
 * The credentials are no good. Says the same whatever is wrong with them; the audit log and the
 * operational log hold the reason.
 */
export class InvalidToken extends ChallengeError {
  override readonly code = 'invalid-token';
  override readonly status = 401;
  override readonly title = 'The access token is not accepted';
  override readonly challenge = bearerChallenge({
    error: 'invalid_token',
    error_description: 'The access token is not accepted',
  });

  constructor(options: { cause?: unknown } = {}) {
    super('Get a new access token for this service and try again.', options);
  }
}

/** More than one set of credentials came with one request; none of them is read. */
export class AmbiguousCredentials extends ChallengeError {
  override readonly code = 'ambiguous-credentials';
  override readonly status = 400;
  override readonly title = 'More than one Authorization header was sent';
  override readonly challenge = bearerChallenge({
    error: 'invalid_request',
    error_description: 'More than one Authorization header was sent',
  });

  constructor(options: { cause?: unknown } = {}) {
    super('Send the access token once, in one Authorization header.', options);
  }
}

/**
 * The caller is known, and the issuer has to vouch for more: a stronger sign-in, or one that
 * takes a change of policy into account. Clients get a new token with the claims of the challenge.
 */
export class InsufficientClaims extends ChallengeError {
  override readonly code = 'insufficient-claims';
  override readonly status = 401;
  override readonly title = 'The access token lacks claims';
  override readonly challenge: string;

  /** @param claims the claims request (OpenID Connect Core 1.0, section 5.5), as JSON text */
  constructor(claims: string) {
    super('Get a new access token with the claims that the challenge asks for.');
    this.challenge = bearerChallenge({
      error: 'insufficient_claims',
      claims: Buffer.from(claims, 'utf8').toString('base64'),
    });
  }
}

/** The caller is known and may not do this. */
export class InsufficientPermission extends ChallengeError {
  override readonly code = 'insufficient-permission';
  override readonly status = 403;
  override readonly title = 'The caller lacks a permission';
  override readonly challenge: string;

  constructor(
    readonly permission: Permission,
    options: { isDelegationMissing?: boolean } = {},
  ) {
    super(
      options.isDelegationMissing === true
        ? 'This needs a signed-in user; an application can’t do it on its own.'
        : `This needs the permission ${permission}.`,
    );
    this.challenge = bearerChallenge({ error: 'insufficient_scope', scope: permission });
  }
}

/**
 * Whoever vouches for callers can't be asked, so that nobody can tell whether the token is good.
 * Never the caller's fault.
 */
export class IdentityProviderUnavailable extends ServiceError {
  override readonly code = 'identity-provider-unavailable';
  override readonly status = 503;
  override readonly title = 'The identity provider is unavailable';

  constructor(options: { cause?: unknown; retryAfterSeconds: number }) {
    super('The keys that verify access tokens could not be loaded. Repeat the request.', options);
  }
}

/** Too many requests of one principal, or refused ones from one address, within a minute. */
export class TooManyRequests extends ServiceError {
  override readonly code = 'too-many-requests';
  override readonly status = 429;
  override readonly title = 'Too many requests';

  constructor(options: { retryAfterSeconds: number }) {
    super('The limit for this minute is used up. Wait as long as Retry-After says.', options);
  }
}
