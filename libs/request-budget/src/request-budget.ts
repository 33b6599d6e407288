import type { CallPriority } from '#libs/platform';

/** The operations that ACS limits separately. */
export type AcsOperation =
  | 'create'
  | 'createWithToken'
  | 'issue'
  | 'revoke'
  | 'delete'
  | 'exchange'
  | 'exchangeTeamsExtension'
  | 'exchangeEntra'
  | 'assign'
  | 'readAssignment'
  | 'unassign';

/** A request for one call. */
export interface BudgetRequest {
  readonly resource: string;
  readonly operation: AcsOperation;
  /** Capacity is shared fairly by tenant, within a tenant by client application. */
  readonly tenant?: string;
  readonly clientApp?: string;
  /** Identifies the requester, so that a retry finds its reservation on any replica. */
  readonly requester?: string;
  /** Bulk requests are served only while no interactive request is queued. Default: interactive. */
  readonly priority?: CallPriority;
  /** Removes the request from the queue when it aborts. */
  readonly signal?: AbortSignal;
}

/** ACS answered a call with 429. */
export interface Throttled {
  /** As ACS gave it. */
  readonly retryAfterSeconds?: number;
}

/** How a permit was used. */
export interface PermitOutcome {
  readonly throttled?: Throttled | undefined;
  readonly isUnused?: boolean;
}

/** The right to make one call. */
export interface Permit {
  /**
   * How long the call may still begin, in milliseconds. 0 or less after a long wait or a pause of the
   * process: the permit may be another replica's by then. It must be released, and another one acquired.
   */
  usableForMs(): number;
  /**
   * Must be called when the call is over, whatever its outcome. A second time it does nothing.
   *
   * @param outcome.throttled present when ACS throttled the call: the limit is then lowered
   * @param outcome.isUnused the call was certainly not sent: the permit doesn't count for the window
   */
  release(outcome?: PermitOutcome): void;
}

/** Keeps the calls to ACS below its documented limits, over all replicas. */
export abstract class RequestBudget {
  /**
   * Waits for a permit to make one call.
   *
   * @throws BudgetExhausted when the request can't be served within `ACS_BUDGET_MAX_WAIT_MS`
   * @throws DatabaseUnavailable when the replicas' shared state can't be reached
   */
  abstract acquire(request: BudgetRequest): Promise<Permit>;
}
