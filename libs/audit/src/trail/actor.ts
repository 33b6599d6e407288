/** Who called, as authentication found out. Nothing here was taken from the request unverified. */
export interface Principal {
  readonly kind: 'user' | 'service' | 'bot';
  /** Issuer of the caller's token. */
  readonly issuer: string;
  readonly tenant: string;
  readonly subject: string;
  /** The application that the caller used; equals `subject`'s own application for a service. */
  readonly clientApp?: string;
  readonly permissions: readonly string[];
  /** Unique id of the caller's token: `uti` of Entra, `jti` elsewhere. */
  readonly tokenId?: string;
  readonly isGuest: boolean;
  /** Personal data. */
  readonly displayName?: string;
}

/** Who did what an entry tells. */
export type Actor =
  | Principal
  /** The service itself, such as a sweeper. */
  | { readonly kind: 'system'; readonly name: string }
  /** A person at the command line. */
  | { readonly kind: 'operator'; readonly name: string }
  /** Nobody that could be named: the request was refused before. */
  | { readonly kind: 'unauthenticated' };

/** Whether the actor was authenticated from a token. */
export function isPrincipal(actor: Actor): actor is Principal {
  return actor.kind === 'user' || actor.kind === 'service' || actor.kind === 'bot';
}
