import type { ApiProcess } from '../../../apps/local/src/api-process.js';
import type { Service } from '../../support/service.js';
import { type ApiResponse, sendRequest, isRetryLater, type ApiRequest } from './request.js';
import type { Prng } from '../../support/prng.js';
import { type Receipt, revocationReceipts, tokenReceipt } from './receipts.js';
import { until } from '../../support/until.js';

/** The longest that an answer may take: all deadlines in a row. */
const PATIENCE_MS = 20_000;

/** People who ask for tokens and revoke them, and an auditor who fetches checkpoints. */
export class TokenTraffic {
  readonly receipts: Receipt[] = [];
  readonly checkpoints: string[] = [];
  /** Promises that an answer has broken. */
  readonly broken: string[] = [];
  /** Requests that were answered by "not now". */
  refused = 0;
  /** Requests that a killed process answered no more. */
  unanswered = 0;
  readonly #tokensBy = new Map<ApiProcess, number>();
  readonly #seen = new Map<number, string>();

  private constructor(
    private readonly people: readonly string[],
    private readonly auditor: string,
    private readonly random: Prng,
  ) {}

  static async of(service: Service, count: number, random: Prng): Promise<TokenTraffic> {
    const mint = async (person: 'alice' | 'grace'): Promise<string> =>
      service.emulator.control.mintToken({
        person,
        expiresInSeconds: 6 * 3_600,
        ...(person === 'alice' && { claims: { oid: crypto.randomUUID() } }),
      });
    const people = await Promise.all(Array.from({ length: count }, async () => mint('alice')));
    return new TokenTraffic(people, await mint('grace'), random);
  }

  /** Tokens that this process has given out. */
  tokensBy(api: ApiProcess): number {
    return this.#tokensBy.get(api) ?? 0;
  }

  /** Waits until everybody has got a token: nobody is left with a mapping that leads nowhere. */
  async serveEverybody(api: ApiProcess): Promise<void> {
    for (const person of this.people.keys()) {
      await until('everybody is served', 60_000, async () => this.#token(api, person));
    }
  }

  /** Sends one random request. Never rejects. */
  async send(api: ApiProcess): Promise<void> {
    const choice = this.random.next();
    const startedAt = performance.now();
    try {
      if (choice < 0.04) await this.#checkpoint(api);
      else if (choice < 0.12) await this.#revoke(api);
      else await this.#token(api, this.random.below(this.people.length));
    } catch (error) {
      if (api.process.killed) this.unanswered += 1;
      else this.broken.push(`a living process gave no answer: ${String(error)}`);
    }
    const tookMs = performance.now() - startedAt;
    if (tookMs > PATIENCE_MS) this.broken.push(`an answer took ${Math.round(tookMs)} ms`);
  }

  /** @returns whether there is one */
  async #token(api: ApiProcess, person: number): Promise<boolean> {
    const token = this.people[person];
    const answer = await this.#ask(api, { method: 'POST', path: '/v1/me/tokens', token, body: {} });
    if (!answer) return false;
    const receipt = tokenReceipt(answer.text);
    const { communicationUserId } = receipt;
    const known = this.#seen.get(person) ?? communicationUserId;
    this.#seen.set(person, known);
    if (known !== communicationUserId) this.broken.push(`person ${person} has two identities`);
    this.receipts.push(receipt);
    this.#tokensBy.set(api, this.tokensBy(api) + 1);
    return true;
  }

  async #revoke(api: ApiProcess): Promise<void> {
    const [person] = this.random.pick([...this.#seen, [0]]);
    if (!this.#seen.has(person)) return;
    const token = this.people[person];
    const answer = await this.#ask(api, { method: 'POST', path: '/v1/me/tokens/revoke', token });
    if (answer) this.receipts.push(...revocationReceipts(answer.text));
  }

  async #checkpoint(api: ApiProcess): Promise<void> {
    const path = '/v1/audit/log/checkpoint';
    const answer = await this.#ask(api, { method: 'GET', path, token: this.auditor });
    if (answer) this.checkpoints.push(answer.text);
  }

  /** @returns the answer, unless it was "not now", said as it should be */
  async #ask(api: ApiProcess, question: ApiRequest): Promise<ApiResponse | undefined> {
    const answer = await sendRequest(api.url, question);
    if (answer.status < 300) return answer;
    if (isRetryLater(answer)) this.refused += 1;
    else this.broken.push(`${question.path}: ${answer.status} ${answer.text.slice(0, 300)}`);
    return undefined;
  }
}
