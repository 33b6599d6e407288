import {
  createIdentityClient,
  type GetAccessToken,
  type IdentityClient,
  type ProblemDetails,
  ProblemError,
  type TokenResponse,
} from '@acs-identity/client';
import { type Failure, failureOf, failureOfProblem } from './failure.js';

/** Before the expiry, so that calls never have to wait for the next token. */
const RENEWAL_MS = 10 * 60_000;
const SIGN_OUT_TIMEOUT_MS = 5_000;

/** The client's pause before it repeats a request. */
export interface Pause {
  readonly failure: Failure;
  readonly startAt: number;
  readonly endAt: number;
}

/**
 * The token of the signed-in person, renewed ten minutes before it expires.
 *
 * An application that passes it to the ACS SDK needs none of this: `communicationTokenCredential` of
 * the same package gives the SDK its tokens.
 */
export class TokenSession {
  token: TokenResponse | undefined;
  failure: Failure | undefined;
  pause: Pause | undefined;
  readonly #client: IdentityClient;
  #request: AbortController | undefined;

  /** @param onChange called with what happened, if that is worth a line */
  constructor(
    { apiUrl, getAccessToken }: { apiUrl: string; getAccessToken: GetAccessToken },
    private readonly onChange: (event?: string) => void,
  ) {
    const fetch = this.#observedFetch.bind(this);
    this.#client = createIdentityClient({ baseUrl: apiUrl, getAccessToken, fetch });
  }

  get isRequesting(): boolean {
    return this.#request !== undefined;
  }

  /** In ms of the epoch; `undefined` without a token. */
  get renewAt(): number | undefined {
    return this.token && Date.parse(this.token.expiresOn) - RENEWAL_MS;
  }

  /** Requests a token, the first one or the next. Does nothing while a request is under way. */
  async request(): Promise<void> {
    if (this.#request !== undefined) return;
    const { signal } = (this.#request = new AbortController());
    this.failure = undefined;
    this.onChange();
    let event: string;
    try {
      const isFirst = this.token === undefined;
      this.token = await this.#client.issueToken({}, { signal });
      event = isFirst ? 'Token received' : 'Token renewed';
    } catch (error) {
      this.failure = signal.aborted ? STOPPED : failureOf(error);
      event = this.failure.title;
    }
    this.#request = undefined;
    this.pause = undefined;
    this.onChange(event);
  }

  /** Ends the request that is under way, and its pauses. */
  stop(): void {
    this.#request?.abort();
  }

  /** Requests the next token when its time has come. Call it every second. */
  async renewIfDue(): Promise<void> {
    const dueAt = this.failure ? this.failure.repeatAt : this.renewAt;
    if (dueAt !== undefined && Date.now() >= dueAt) await this.request();
  }

  /** Revokes the person's tokens on all devices. @returns whether none is left */
  async revoke(): Promise<boolean> {
    this.stop();
    try {
      await this.#client.signOut({ signal: AbortSignal.timeout(SIGN_OUT_TIMEOUT_MS) });
    } catch (error) {
      // A person who may not revoke tokens has none.
      if (error instanceof ProblemError && error.status === 403) return true;
      const { detail, facts } = failureOf(error);
      this.failure = { title: 'Your tokens could not be revoked', detail, facts };
      this.onChange(this.failure.title);
      return false;
    }
    return true;
  }

  /** The client waits and repeats on its own; the responses show for how long. */
  async #observedFetch(...request: Parameters<typeof fetch>): Promise<Response> {
    if (this.pause !== undefined) {
      this.pause = undefined;
      this.onChange();
    }
    const response = await fetch(...request).catch((error: unknown) => {
      this.onChange('No answer from the identity service');
      throw error;
    });
    const seconds = Number(response.headers.get('retry-after'));
    if (!response.ok && seconds > 0) {
      const problem = (await response.clone().json()) as ProblemDetails; // only it has Retry-After
      const startAt = Date.now();
      const failure = failureOfProblem(problem, response.status);
      this.pause = { failure, startAt, endAt: startAt + seconds * 1000 };
      this.onChange(`${problem.title}: again in ${seconds} s`);
    }
    return response;
  }
}

const STOPPED: Failure = {
  title: 'Stopped',
  detail: 'The request was stopped before there was a token.',
  facts: [],
  remedy: 'repeat',
};
