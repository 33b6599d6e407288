import type { TokenFingerprint } from '#libs/audit';
import type { CommunicationUserId } from '#libs/platform';

/** What a cached token was issued for. A token is reused for the same key only. */
export interface CacheKey {
  /** Id of the mapping. */
  readonly mappingId: string;
  /** Name of the ACS resource of the mapping. */
  readonly resource: string;
  /** Of the mapping. */
  readonly communicationUserId: CommunicationUserId;
  /** Of the mapping: grows when all its tokens are revoked. */
  readonly tokenGeneration: number;
  readonly policyVersion: string;
  /** Hash of scopes, requested lifetime, rule and policy version. */
  readonly variant: string;
}

export interface CachedToken {
  readonly token: string;
  readonly expiresOn: Date;
  /** The fingerprint in the entry of its issuance. */
  readonly fingerprint: TokenFingerprint;
  /** Version of the ACS credential that it was issued with; a regenerated key ends its tokens. */
  readonly secretVersion: string | undefined;
}

const MIN_REMAINING_MS = 15 * 60_000;

/**
 * Until when a token may be reused: it then has 15 minutes and a third of its lifetime left. Clients
 * renew a token before it expires, so that one with less would be requested again at once.
 */
export function reusableUntil(issuedAtMs: number, expiresOn: Date): Date {
  const end = expiresOn.getTime();
  return new Date(end - Math.max(MIN_REMAINING_MS, (end - issuedAtMs) / 3));
}

/** Reusable tokens, shared by all replicas. Encrypted at rest. */
export abstract class TokenCache {
  /** @returns `undefined` also for a token that may no longer be reused or can't be decrypted */
  abstract find(key: CacheKey): Promise<CachedToken | undefined>;

  /** Stores a token that was just issued. Does nothing when the mapping has changed meanwhile. */
  abstract store(key: CacheKey, token: CachedToken): Promise<void>;

  /** Deletes the tokens that were issued under other policies. */
  abstract dropOtherPolicies(policyVersion: string): Promise<void>;

  /** Deletes the tokens that may no longer be reused. @param signal aborts between two batches */
  abstract sweep(signal?: AbortSignal): Promise<void>;
}
