import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Prng } from '../../support/prng.js';
import type { Service } from '../../support/service.js';
import { isRetryLater, sendRequest } from './request.js';

/** A person with the tokens that the service has answered with. */
interface RevokedPerson {
  readonly bearer: string;
  communicationUserId: string;
  /** From before the mass revocation. */
  readonly old: string[];
  readonly new: string[];
}

/** Tokens at a time, in preparation and checks. */
const CONCURRENCY = 16;

/** People who ask for tokens before and while their tokens are revoked. */
export class RevokedPeople {
  readonly #failures: string[] = [];
  #hasBegun = false;
  #refused = 0;
  #unanswered = 0;

  private constructor(
    private readonly service: Service,
    private readonly people: readonly RevokedPerson[],
    private readonly prng: Prng,
  ) {}

  static async of(service: Service, count: number, prng: Prng): Promise<RevokedPeople> {
    const people: RevokedPerson[] = [];
    await inParallel(Array.from({ length: count }), async () => {
      const bearer = await service.emulator.control.mintToken({
        ...{ person: 'alice', claims: { oid: randomUUID() }, expiresInSeconds: 6 * 3_600 },
      });
      people.push({ bearer, communicationUserId: '', old: [], new: [] });
    });
    return new RevokedPeople(service, people, prng);
  }

  /** Answers that come after this began after the start of the mass revocation. */
  begin(): void {
    this.#hasBegun = true;
  }

  async serveEverybody(url: () => string): Promise<void> {
    await inParallel(this.people, async (person) => {
      while (person.old.length === 0) await this.#request(person, url());
    });
  }

  /** One of the people asks for a token. Never rejects. */
  async ask(url: string): Promise<void> {
    const person = this.people[this.prng.below(this.people.length)];
    if (person) await this.#request(person, url);
    await delay(10);
  }

  /**
   * Checks all tokens at ACS, and how often ACS was asked about each person.
   *
   * @param mayRepeat how many revocations a kill may have interrupted
   */
  async check(mayRepeat: number): Promise<readonly string[]> {
    const { control } = this.service.emulator;
    const calls = await control.readJournal({ service: 'acs', operation: 'revoke' });
    const confirmed = new Map<string, number>();
    for (const { path, status } of calls) {
      if (status !== 204) continue;
      const id = decodeURIComponent(path.split('/')[2] ?? '');
      confirmed.set(id, (confirmed.get(id) ?? 0) + 1);
    }
    let repeated = 0;
    const counts = { old: 0, new: 0 };
    await inParallel(this.people, async (person) => {
      const times = confirmed.get(person.communicationUserId) ?? 0;
      if (times === 0) this.#failures.push(`${person.communicationUserId} was not revoked`);
      repeated += Math.max(0, times - 1);
      for (const age of ['old', 'new'] as const) {
        for (const token of person[age]) {
          counts[age] += 1;
          const { valid } = await control.validateAcsToken(token);
          if (valid === (age === 'new')) continue;
          this.#failures.push(`a token from ${age === 'old' ? 'before' : 'after'} is ${valid}`);
        }
      }
    });
    if (repeated > mayRepeat) this.#failures.push(`${repeated} people were revoked again`);
    const refused = calls.filter(({ status }) => status === 429).length;
    if (refused > 0) this.#failures.push(`ACS refused ${refused} revocations`);
    console.log(
      `${counts.old} tokens from before, ${counts.new} since; ${this.#refused} requests refused for now, ${this.#unanswered} not answered; ${repeated} people revoked again after a kill`,
    );
    return this.#failures;
  }

  async #request(person: RevokedPerson, url: string): Promise<void> {
    const isAfter = this.#hasBegun;
    try {
      const request = { method: 'POST', path: '/v1/me/tokens', token: person.bearer } as const;
      const response = await sendRequest(url, { ...request, body: {} });
      if (response.status === 200) {
        const issued = JSON.parse(response.text) as {
          token: string;
          identity: { communicationUserId: string };
        };
        person.communicationUserId = issued.identity.communicationUserId;
        person[isAfter ? 'new' : 'old'].push(issued.token);
      } else if (isRetryLater(response)) this.#refused += 1;
      else this.#failures.push(`${response.status} ${response.text}`);
    } catch {
      this.#unanswered += 1; // its replica was killed
    }
  }
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
