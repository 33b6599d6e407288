import type { TenantSubject } from '#libs/identity-mapping';

/** Gives back what `take` took. Never rejects. */
export type ReleaseQuota = () => Promise<void>;

/** Counts the new tokens of an identity over any 60 minutes, in all replicas together. */
export abstract class TokenQuota {
  /**
   * Counts one token.
   *
   * @param tokensPerHour `undefined`: no limit, nothing is counted
   * @returns a function that takes the count back, for a token that was not released; where that
   *   fails, the count expires within the hour
   * @throws TokenQuotaExceeded with the time at which the next token is allowed
   */
  async take(identity: TenantSubject, tokensPerHour: number | undefined): Promise<ReleaseQuota> {
    if (tokensPerHour === undefined) return async () => Promise.resolve();
    return this.takeLimited(identity, tokensPerHour);
  }

  /** `take` with a limit. */
  protected abstract takeLimited(
    identity: TenantSubject,
    tokensPerHour: number,
  ): Promise<ReleaseQuota>;

  /** Deletes the identities without a token in the last hour. */
  abstract sweep(signal?: AbortSignal): Promise<void>;
}
