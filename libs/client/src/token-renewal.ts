import type { IdentityClient, TokenRequest, TokenResponse } from './identity-client.js';

/** The SDKs of ACS renew at this time before the expiry as well. */
const RENEWAL_BEFORE_EXPIRY_MS = 10 * 60_000;
/** No token is renewed earlier, also when the clock of the device is wrong. */
const MIN_AGE_MS = 5 * 60_000;
/** After a failed renewal, unless the problem has a longer `Retry-After`. */
const MIN_PAUSE_MS = 60_000;
/** Timers stop while a device sleeps, so the clock is read this often. */
const MAX_TIMER_MS = 60_000;

/** What is known of the token of a page. */
export interface TokenState {
  readonly status: 'loading' | 'ready' | 'failed';
  /** The newest token; absent before the first one, and when it has expired. */
  readonly token?: TokenResponse;
  /** Of the newest request, also while an older token is still valid. */
  readonly error?: Error;
}

/** Requests a token, and renews it until it is stopped. */
export class TokenRenewal {
  #state: TokenState = { status: 'loading' };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #request: AbortController | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(
    private readonly client: Pick<IdentityClient, 'issueToken'>,
    private readonly request: TokenRequest,
  ) {}

  /** The same object until something changes. */
  readonly state = (): TokenState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Begins with the next tick: a start that is stopped at once, as React does in development, sends nothing. */
  start(): void {
    this.#renewAfter(0);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = undefined;
  }

  /** Requests a new token now. */
  readonly renew = (): void => {
    this.stop();
    const controller = new AbortController();
    this.#request = controller;
    this.#change({ ...this.#state, status: this.#state.token ? 'ready' : 'loading' });
    this.client.issueToken(this.request, { signal: controller.signal }).then(
      (token) => {
        if (this.#request === controller) this.#succeed(token);
      },
      (error: unknown) => {
        if (this.#request === controller) this.#fail(error);
      },
    );
  };

  #succeed(token: TokenResponse): void {
    this.#change({ status: 'ready', token });
    const renewalAt = Date.parse(token.expiresOn) - RENEWAL_BEFORE_EXPIRY_MS;
    this.#renewAfter(MIN_AGE_MS, renewalAt);
  }

  /** Without a valid token there is nothing to renew: the next request is up to the page. */
  #fail(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    const { token } = this.#state;
    if (token === undefined || Date.parse(token.expiresOn) <= Date.now()) {
      this.#change({ status: 'failed', error });
      return;
    }
    this.#change({ status: 'ready', token, error });
    const seconds = 'retryAfterSeconds' in error ? Number(error.retryAfterSeconds ?? 0) : 0;
    this.#renewAfter(Math.max(seconds * 1000, MIN_PAUSE_MS));
  }

  /**
   * The pause is over when one of two clocks says so: the time of day may be set back, and the other may
   * stand still while the device sleeps.
   *
   * @param notBefore milliseconds since 1970
   */
  #renewAfter(pauseMs: number, notBefore = 0): void {
    const [endsAt, monotonicEnd] = [Date.now() + pauseMs, performance.now() + pauseMs];
    this.#renewOnce(() => {
      const [now, pauseLeftMs] = [Date.now(), monotonicEnd - performance.now()];
      return Math.max(notBefore - now, Math.min(endsAt - now, pauseLeftMs));
    });
  }

  #renewOnce(remainingMs: () => number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        if (remainingMs() <= 0) this.renew();
        else this.#renewOnce(remainingMs);
      },
      Math.min(Math.max(remainingMs(), 0), MAX_TIMER_MS),
    );
  }

  #change(state: TokenState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
