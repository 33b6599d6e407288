import type { CanonicalName } from '../ids/canonical-name.js';

/** An authenticated caller. Every value comes from a verified token or from configuration. */
export interface Principal {
  readonly kind: 'user' | 'service' | 'bot';
  /** Issuer of the token. */
  readonly issuer: string;
  readonly tenant: CanonicalName;
  readonly subject: CanonicalName;
  /** The client application; for a service, the application of `subject`. */
  readonly clientApp?: CanonicalName;
  readonly permissions: readonly string[];
  /** Unique id of the token: `uti` in Entra tokens, `jti` in others. */
  readonly tokenId?: string;
  /** `undefined` when the token does not say so: rules about guests then apply. */
  readonly isGuest: boolean | undefined;
  /** Personal data. */
  readonly displayName?: string;
}

/** A background task of the service. */
export interface SystemActor {
  readonly kind: 'system';
  readonly name: string;
}

/** A person at the command line. */
export interface OperatorActor {
  readonly kind: 'operator';
  readonly name: string;
}

/** Somebody without sign-in, whom an invitation lets in. */
export interface VisitorActor {
  readonly kind: 'visitor';
  /** Of the person or service that has invited. */
  readonly tenant: CanonicalName;
  /** Id of the invitation. */
  readonly invitation: string;
}

/** The sender of a request that was rejected before its sender was known. */
export interface UnauthenticatedActor {
  readonly kind: 'unauthenticated';
}

/** Who acts: a caller, a visitor, the service itself, an operator, or an unknown sender. */
export type Actor = Principal | VisitorActor | SystemActor | OperatorActor | UnauthenticatedActor;

/** Whether the actor was authenticated by a token. */
export function isPrincipal(actor: Actor): actor is Principal {
  return actor.kind === 'user' || actor.kind === 'service' || actor.kind === 'bot';
}
