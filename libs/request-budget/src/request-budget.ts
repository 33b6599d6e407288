/** What ACS counts separately. */
export type AcsOperation =
  'create' | 'createWithToken' | 'issue' | 'revoke' | 'delete' | 'exchange';

/** Bulk calls wait until no interactive call does. */
export type CallPriority = 'interactive' | 'bulk';

/** One call that wants to be made. */
export interface BudgetRequest {
  readonly resource: string;
  readonly operation: AcsOperation;
  readonly tenant?: string;
  readonly clientApp?: string;
  /** Names whom the call is for, so that who comes back when told to is recognised, in any replica. */
  readonly key?: string;
  /** Default: interactive. */
  readonly priority?: CallPriority;
  /** Frees the place in the queue when it aborts. */
  readonly signal?: AbortSignal;
}

/** The right to make one call. Must be given back, whatever became of the call. */
export interface Permit {
  /** The call was made and is over. @param throttled ACS refused it for its limits all the same */
  done(throttled?: { readonly retryAfterSeconds?: number }): void;
  /** The call was not made after all. */
  cancel(): void;
}

/** Keeps the calls to ACS below its documented limits, over all replicas. */
export abstract class RequestBudget {
  /**
   * Waits for the right to make one call.
   *
   * @throws BudgetExhausted when the wait would be longer than the bound
   * @throws DatabaseUnavailable when replicas can't agree for now
   */
  abstract acquire(request: BudgetRequest): Promise<Permit>;
}
