import {
  type CanonicalName,
  canonicalName,
  nameFault,
  type Principal,
  problem,
  ServiceError,
} from '#libs/platform';
import { bearerChallenge } from './http/www-authenticate.js';

/**
 * Why credentials were rejected. Constant codes for the audit log; the caller learns none of them.
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
  | 'name-not-allowed'
  | 'audience'
  | 'expired'
  | 'not-yet-valid'
  | 'lifetime-too-long'
  | 'not-an-access-token'
  | 'sender-constrained'
  | 'client-app-not-allowed'
  | 'client-authentication-too-weak'
  | 'principal-missing'
  | 'principal-not-base64'
  | 'principal-not-utf8'
  | 'principal-not-json'
  | 'principal-malformed'
  | 'provider-mismatch'
  | 'provider-not-configured'
  | 'subject-missing'
  | 'kind-mismatch'
  | 'event-key-wrong'
  | 'invitation-malformed'
  | 'invitation-forged'
  | 'invitation-expired'
  | 'invitation-unknown'
  | 'invitation-ended'
  | 'invitation-used-up'
  | 'invitation-without-rule';

/**
 * What was required and what came instead, for the operational log. Never a token, a part of one, or a
 * claim that identifies a person. `actual` is not verified.
 */
export interface Mismatch {
  readonly expected: unknown;
  readonly actual: unknown;
  /** Where the operator looks, for what is no fault of a caller. */
  readonly remedy?: string;
}

/** The credentials are missing or invalid. Internal: the guard answers with one of the errors below. */
export class TokenRejected extends Error {
  /** @param detail for auditors; never the token or a part of its signature */
  constructor(
    readonly reason: RejectionReason,
    readonly detail?: string,
    readonly mismatch?: Mismatch,
  ) {
    super(reason);
    this.name = 'TokenRejected';
  }
}

/** @throws TokenRejected when the condition holds */
export function rejectIf(condition: boolean, reason: RejectionReason, detail?: string): void {
  if (condition) throw new TokenRejected(reason, detail);
}

/**
 * The one form of a name from credentials.
 *
 * @param claim where it is, for the log, which never has a name of a person
 * @throws TokenRejected when it could not be named in requests and commands: see `nameFault`
 */
export function acceptedName(name: string, claim: string): CanonicalName {
  const fault = nameFault(name);
  if (fault === undefined) return canonicalName(name);
  throw mismatch('name-not-allowed', `${claim} ${fault}`, 'another text', claim);
}

/** The rejection of a token with another value than the required one. */
export function mismatch(
  reason: RejectionReason,
  expected: unknown,
  actual: unknown,
  detail?: string,
): TokenRejected {
  return new TokenRejected(reason, detail, { expected, actual });
}

/**
 * The token is valid, but the permission requires further claims. Internal: the guard answers with
 * `InsufficientClaims`.
 */
export class ClaimsChallenge extends Error {
  /** @param claims a claims request (OpenID Connect Core 1.0, section 5.5) */
  constructor(
    readonly principal: Principal,
    readonly claims: object,
  ) {
    super('claims challenge');
    this.name = 'ClaimsChallenge';
  }
}

/** A refusal whose response carries a `WWW-Authenticate` header. */
export abstract class ChallengeError extends ServiceError {
  /** The value of the header. */
  abstract readonly challenge: string;
}

/** The request carries no bearer token. */
export class Unauthenticated extends problem(
  'unauthenticated',
  401,
  'An access token is required',
  'Send an access token for this service in the Authorization header: Bearer <token>.',
  { base: ChallengeError },
) {
  override readonly challenge = bearerChallenge();
}

/** The token is invalid. The response is the same for every reason; the audit log has the reason. */
export class InvalidToken extends problem(
  'invalid-token',
  401,
  'The access token is not accepted',
  'Get a new access token for this service and try again.',
  { base: ChallengeError },
) {
  override readonly challenge = bearerChallenge({
    error: 'invalid_token',
    error_description: this.title,
  });
}

/** The request carries several Authorization headers. None of them is read. */
export class AmbiguousCredentials extends problem(
  'ambiguous-credentials',
  400,
  'More than one Authorization header was sent',
  'Send the access token once, in one Authorization header.',
  { base: ChallengeError },
) {
  override readonly challenge = bearerChallenge({
    error: 'invalid_request',
    error_description: this.title,
  });
}

/**
 * The token lacks claims that the permission requires, such as a stronger sign-in. The challenge
 * holds the claims request, with which the client gets a new token.
 */
export class InsufficientClaims extends problem(
  'insufficient-claims',
  401,
  'The access token lacks claims',
  'Get a new access token with the claims that the challenge names.',
  { base: ChallengeError },
) {
  override readonly challenge: string;

  /** @param claims a claims request (OpenID Connect Core 1.0, section 5.5) */
  constructor(claims: object) {
    super();
    this.challenge = bearerChallenge({
      error: 'insufficient_claims',
      claims: Buffer.from(JSON.stringify(claims), 'utf8').toString('base64'),
    });
  }
}

/** The caller is authenticated and lacks the permission of the route. */
export class InsufficientPermission extends problem(
  'insufficient-permission',
  403,
  'The caller lacks a permission',
  undefined,
  { base: ChallengeError },
) {
  override readonly challenge: string;

  constructor(permission: string, options: { isDelegationMissing?: boolean } = {}) {
    super({
      detail:
        options.isDelegationMissing === true
          ? 'This needs a signed-in user; an application can’t do it on its own.'
          : `This needs the permission ${permission}.`,
    });
    this.challenge = bearerChallenge({ error: 'insufficient_scope', scope: permission });
  }
}

/** A page of another site may have sent the request with the cookies of the person's browser. */
export class CrossSiteRequest extends problem(
  'cross-site-request',
  403,
  'The request may come from a page of another site',
  'Call from a page of this origin, send the header X-Requested-With, or use an access token instead of cookies.',
) {}

/** The issuer's signing keys can't be loaded, so the token can be neither accepted nor rejected. */
export class IdentityProviderUnavailable extends problem(
  'identity-provider-unavailable',
  503,
  'The identity provider is unavailable',
  'The keys that verify access tokens could not be loaded. Repeat the request.',
) {}

/** A principal's requests, or an address's failures, exceed the limit of the current minute. */
export class TooManyRequests extends problem(
  'too-many-requests',
  429,
  'Too many requests',
  'The limit for this minute is used up. Wait as long as Retry-After says.',
) {}
