import type { CanonicalName, Transaction } from '#libs/platform';
import type { IdentityKind } from '../model/mapping.js';

/**
 * Whose tokens are revoked: identities, and Teams Phone assignments, that meet every given condition. None
 * given: everybody.
 */
export interface RevocationFilter {
  readonly tenant?: CanonicalName | undefined;
  /**
   * Identities of which the client application got tokens, for themselves or for others, and assignments
   * that let it get some.
   */
  readonly clientApp?: CanonicalName | undefined;
  readonly kind?: IdentityKind | undefined;
  /** Name of the ACS resource. */
  readonly resource?: string | undefined;
  /** Identities that may have tokens from before this time. */
  readonly issuedBefore?: Date | undefined;
  /** Identities of visitors that the invitation with this id has let in. */
  readonly invitation?: string | undefined;
}

/** Identities that another module names, by the subjects of one tenant. */
export interface NamedIdentities {
  readonly tenant: CanonicalName;
  readonly subjects: readonly CanonicalName[];
}

/** Names the identities of a mass revocation. */
export interface IdentitySelector {
  /** Those that are known before its start: they are stored outside the lock of the log. */
  readonly known: NamedIdentities;
  /** All of them, in the transaction of the start, after it has ended what adds to them. */
  readonly select: (transaction: Transaction) => Promise<NamedIdentities>;
}

/** A mass revocation. From its start, no identity of the filter gets a token until ACS has revoked its old ones. */
export interface MassRevocation {
  readonly id: string;
  /** Larger than that of every earlier one. */
  readonly number: number;
  readonly filter: RevocationFilter;
  /** Why, in the words of the person who started it. */
  readonly reason: string;
  readonly startedAt: Date;
  /** When ACS had confirmed every revocation, or the last old token had expired. */
  readonly finishedAt: Date | undefined;
  /** How many identities had tokens to revoke; `undefined` until they are counted. */
  readonly identities: number | undefined;
  /** How many Teams Phone assignments may have had tokens; `undefined` until they are counted. */
  readonly assignments: number | undefined;
}

/** No ACS token is valid for longer than a day; clocks may differ. */
const EXPIRED_AFTER_MS = 86_400_000 + 15 * 60_000;

/** Whether every token from before the mass revocation has expired: nothing is left to revoke. */
export function hasExpired({ startedAt }: Pick<MassRevocation, 'startedAt'>, at: Date): boolean {
  return at.getTime() - startedAt.getTime() > EXPIRED_AFTER_MS;
}

/** How many identities and assignments are left, and how long ACS's limits make it take. */
export interface RevocationForecast {
  readonly identities: number;
  readonly assignments: number;
  readonly seconds: number;
}

export interface RevocationProgress {
  readonly revocation: MassRevocation;
  readonly remaining: RevocationForecast;
}
