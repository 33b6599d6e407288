import { setTimeout as delay } from 'node:timers/promises';
import type { Prng } from '../../support/prng.js';
import { type ApiResponse, isRetryLater, sendRequest } from './request.js';

/** A change of an assignment, and the answer that was final. */
export interface AnsweredChange {
  readonly objectId: string;
  readonly method: 'PUT' | 'DELETE';
  readonly status: number;
  /** Of the assignment that the response shows; `undefined` without one. */
  readonly version: number | undefined;
}

/** Answers that leave nothing open. 409: another caller has changed the assignment meanwhile. */
const FINAL = [200, 201, 202, 204, 404, 409];
/** A change that has no final answer by then counts as not answered. */
const ANSWERED_WITHIN_MS = 300_000;
const PAUSE_MS = 200;

/** Random changes of the assignments of a few people, as a client sends them that repeats until it has an answer. */
export class AssignmentTraffic {
  readonly answers: AnsweredChange[] = [];
  readonly failures: string[] = [];
  /** Requests whose replica was killed, and those that were refused for now. */
  unanswered = 0;
  deferred = 0;
  readonly #people: readonly string[];
  readonly #clientIds: readonly string[];

  /** @param url of a replica that runs, a random one */
  constructor(
    private readonly given: {
      readonly tenant: string;
      readonly token: string;
      readonly people: number;
      readonly prng: Prng;
      readonly url: () => string;
    },
  ) {
    this.#people = Array.from({ length: given.people }, () => this.#guid());
    this.#clientIds = Array.from({ length: 3 }, () => this.#guid());
  }

  /** Sends one change until its answer is final. Never rejects. */
  async send(): Promise<void> {
    const { prng, tenant, token, url } = this.given;
    const objectId = prng.pick(this.#people);
    const method = prng.next() < 0.6 ? 'PUT' : 'DELETE';
    const body = {
      principalType: prng.next() < 0.5 ? 'user' : 'teamsResourceAccount',
      clientIds: this.#clientIds.filter(() => prng.next() < 0.3),
    };
    const path = `/v1/teams-phone/assignments/${tenant}/${objectId}`;
    const request = { method, path, token, ...(method === 'PUT' && { body }) } as const;
    const deadline = performance.now() + ANSWERED_WITHIN_MS;
    while (performance.now() < deadline) {
      const response = await sendRequest(url(), request).catch(() => undefined);
      if (response && FINAL.includes(response.status)) {
        this.answers.push({
          objectId,
          method,
          status: response.status,
          version: versionOf(response),
        });
        return;
      }
      if (!response) this.unanswered += 1;
      else if (isRetryLater(response)) this.deferred += 1;
      else {
        this.failures.push(`${method}: ${response.status} ${response.text}`);
        return;
      }
      await delay(PAUSE_MS);
    }
    this.failures.push(`${method} of ${objectId} was not answered`);
  }

  #guid(): string {
    const digits = (count: number): string =>
      Array.from({ length: count }, () => this.given.prng.below(16).toString(16)).join('');
    return `${digits(8)}-${digits(4)}-4${digits(3)}-8${digits(3)}-${digits(12)}`;
  }
}

function versionOf({ status, text }: ApiResponse): number | undefined {
  if (status === 204 || status >= 400) return undefined;
  return (JSON.parse(text) as { version: number }).version;
}
