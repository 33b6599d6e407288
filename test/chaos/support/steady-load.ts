import { setTimeout as delay } from 'node:timers/promises';
import type { Prng } from '../../support/prng.js';
import { sendRequest } from './request.js';

/** Requests in progress at any time. */
const CLIENTS = 16;
/** Between two requests of a client, so that some connections of the replicas rest. */
const MAX_PAUSE_MS = 40;

interface Pace {
  readonly clients?: number;
  readonly maxPauseMs?: number;
}

/** People who request tokens of the replicas, over connections that stay open, until it is stopped. */
export class SteadyLoad {
  /** Number of requests. */
  sent = 0;
  /** Answers other than 200. */
  readonly failures: string[] = [];
  #isRunning = true;
  readonly #clients: readonly Promise<void>[];

  constructor(
    private readonly urls: readonly string[],
    /** Bearer tokens; may be replaced. */
    public bearers: readonly string[],
    private readonly prng: Prng,
    { clients = CLIENTS, maxPauseMs = MAX_PAUSE_MS }: Pace = {},
  ) {
    this.#clients = Array.from({ length: clients }, async () => this.#send(maxPauseMs));
  }

  /** Sends many requests at once. */
  async burst(): Promise<void> {
    await Promise.all(Array.from({ length: 4 * CLIENTS }, async () => this.#request()));
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#clients);
  }

  /** Half of the requests are for tokens that may be stored already. */
  #body(): object {
    return this.prng.below(2) === 0 ? {} : { expiresInMinutes: 60 + this.prng.below(1_380) };
  }

  async #send(maxPauseMs: number): Promise<void> {
    while (this.#isRunning) {
      await this.#request();
      await delay(this.prng.below(maxPauseMs));
    }
  }

  async #request(): Promise<void> {
    const token = this.prng.pick(this.bearers);
    const request = { method: 'POST', path: '/v1/me/tokens', token, body: this.#body() } as const;
    this.sent += 1;
    try {
      const { status, text } = await sendRequest(this.prng.pick(this.urls), request);
      if (status !== 200) this.failures.push(`${status} ${text.slice(0, 200)}`);
    } catch (error) {
      this.failures.push(`no response: ${String(error)}`);
    }
  }
}
