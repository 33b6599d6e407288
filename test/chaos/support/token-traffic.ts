import type { ApiProcess } from '../../../apps/local/src/api-process.js';
import type { Prng } from '../../support/prng.js';
import type { Service } from '../../support/service.js';
import { until } from '../../support/until.js';
import { type Receipt, revocationReceipts, tokenReceipt } from './receipts.js';
import { type ApiRequest, type ApiResponse, isRetryLater, sendRequest } from './request.js';

/** The sum of all deadlines of the api, and the time that a busy machine adds. */
const MAX_RESPONSE_MS = 20_000;

/** Random requests of people who issue and revoke tokens, and of an auditor who reads checkpoints. */
export class TokenTraffic {
  readonly receipts: Receipt[] = [];
  readonly checkpoints: string[] = [];
  /** Responses that violate the contract. */
  readonly failures: string[] = [];
  /** Number of requests with a retry-later response. */
  refused = 0;
  /** Number of requests that a killed process did not answer. */
  unanswered = 0;
  readonly #tokensBy = new Map<ApiProcess, number>();
  /** Identity of each person who has been issued a token. */
  readonly #identities = new Map<number, string>();

  private constructor(
    private readonly people: readonly string[],
    private readonly auditor: string,
    private readonly prng: Prng,
  ) {}

  /** Signs in an auditor and a number of people, for hours. */
  static async of(service: Service, people: number, prng: Prng): Promise<TokenTraffic> {
    const mint = async (person: 'alice' | 'grace'): Promise<string> =>
      service.emulator.control.mintToken({
        person,
        expiresInSeconds: 6 * 3_600,
        ...(person === 'alice' && { claims: { oid: crypto.randomUUID() } }),
      });
    const tokens = await Promise.all(Array.from({ length: people }, async () => mint('alice')));
    return new TokenTraffic(tokens, await mint('grace'), prng);
  }

  /** Number of tokens that a process has issued. */
  tokensBy(api: ApiProcess): number {
    return this.#tokensBy.get(api) ?? 0;
  }

  /** Waits until every person has been issued another token: no mapping is left unusable. */
  async serveEverybody(api: ApiProcess): Promise<void> {
    for (const person of this.people.keys()) {
      await until('every person has a token', 60_000, async () => this.#issue(api, person));
    }
  }

  /** Sends one random request. Never rejects. */
  async send(api: ApiProcess): Promise<void> {
    const choice = this.prng.next();
    const startedAt = performance.now();
    try {
      if (choice < 0.04) await this.#readCheckpoint(api);
      else if (choice < 0.12) await this.#revoke(api);
      else await this.#issue(api, this.prng.below(this.people.length));
    } catch (error) {
      if (api.process.killed) this.unanswered += 1;
      else this.failures.push(`a running process did not answer: ${String(error)}`);
    }
    const tookMs = performance.now() - startedAt;
    if (tookMs > MAX_RESPONSE_MS) {
      this.failures.push(`a response took ${Math.round(tookMs)} ms`);
    }
  }

  /** @returns whether a token was issued */
  async #issue(api: ApiProcess, person: number): Promise<boolean> {
    const token = this.people[person];
    const request = { method: 'POST', path: '/v1/me/tokens', token, body: {} } as const;
    const response = await this.#send(api, request);
    if (!response) return false;
    const receipt = tokenReceipt(response.text);
    const { communicationUserId } = receipt;
    const known = this.#identities.get(person) ?? communicationUserId;
    this.#identities.set(person, known);
    if (known !== communicationUserId) this.failures.push(`person ${person} has two identities`);
    this.receipts.push(receipt);
    this.#tokensBy.set(api, this.tokensBy(api) + 1);
    return true;
  }

  async #revoke(api: ApiProcess): Promise<void> {
    if (this.#identities.size === 0) return;
    const token = this.people[this.prng.pick([...this.#identities.keys()])];
    const path = '/v1/me/tokens/revoke';
    const response = await this.#send(api, { method: 'POST', path, token });
    if (response) this.receipts.push(...revocationReceipts(response.text));
  }

  async #readCheckpoint(api: ApiProcess): Promise<void> {
    const path = '/v1/audit/log/checkpoint';
    const response = await this.#send(api, { method: 'GET', path, token: this.auditor });
    if (response) this.checkpoints.push(response.text);
  }

  /** @returns the response when it is a success */
  async #send(api: ApiProcess, request: ApiRequest): Promise<ApiResponse | undefined> {
    const response = await sendRequest(api.url, request);
    if (response.status < 300) return response;
    if (isRetryLater(response)) this.refused += 1;
    else {
      const { status, text } = response;
      this.failures.push(`${request.path}: ${status} ${text.slice(0, 300)}`);
    }
    return undefined;
  }
}
