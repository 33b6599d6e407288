import type { TokenFingerprint } from '#libs/audit';

/** What a kept token is for; all of it must be the same for the token to be handed out again. */
export interface CachePlace {
  /** Id of the mapping. */
  readonly mappingId: string;
  /** Of the mapping: grows when all its tokens stop being good. */
  readonly tokenGeneration: number;
  readonly policyVersion: string;
  /** Hash of scopes, asked lifetime, rule and policy version. */
  readonly variant: string;
}

export interface CachedToken {
  readonly token: string;
  readonly expiresOn: Date;
  /** The fingerprint under which it was issued. */
  readonly fingerprint: TokenFingerprint;
  /** Version of the ACS credential that it was issued with; a regenerated key ends its tokens. */
  readonly secretVersion: string | undefined;
}

const LEAST_LEFT_MS = 15 * 60_000;

/**
 * Until when a token may be handed out again: it then still has 15 minutes and a third of its life.
 * Clients renew early, so that one with less would make them ask again and again.
 */
export function reusableUntil(issuedAtMs: number, expiresOn: Date): Date {
  const end = expiresOn.getTime();
  return new Date(end - Math.max(LEAST_LEFT_MS, (end - issuedAtMs) / 3));
}

/** Tokens that are still good, for all replicas. Encrypted wherever they are at rest. */
export abstract class TokenCache {
  /** @returns `undefined` also for one that has too little life left or can't be opened */
  abstract find(place: CachePlace): Promise<CachedToken | undefined>;

  /** Keeps a token that was just issued. Does nothing when the mapping has changed meanwhile. */
  abstract keep(place: CachePlace, token: CachedToken): Promise<void>;

  /** Forgets what was issued under other policies. */
  abstract dropOtherPolicies(policyVersion: string): Promise<void>;

  /** Forgets what can't be handed out any more. */
  abstract sweep(): Promise<void>;
}
