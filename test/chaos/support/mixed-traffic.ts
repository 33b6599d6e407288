import type { Service } from '../../support/service.js';
import type { ApiRequest } from './request.js';
import type { Prng } from '../../support/prng.js';
import { type Receipt, revocationReceipts, tokenReceipt } from './receipts.js';

/** A question, and the answers that fit the caller while nothing is broken. */
export interface Call extends ApiRequest {
  readonly expected: readonly number[];
  /** Its answer is a stream: it may end early, without its proper end, when what it reads is gone. */
  readonly mayEndEarly?: boolean;
  /** It needs nothing but the process: it is answered whatever is broken. */
  readonly needsNoUpstream?: boolean;
  /** Learns from a 2xx answer. */
  readonly onSuccess?: (text: string) => void;
}

type Who = 'ada' | 'grace' | 'crm-service' | 'mallory' | 'alice';

const PEOPLE = 40;
const MAX_KNOWN = 200;

/** Callers of every kind, and what they ask for. */
export class MixedTraffic {
  readonly receipts: Receipt[] = [];
  readonly checkpoints: string[] = [];
  readonly broken: string[] = [];
  readonly #oids = Array.from({ length: PEOPLE }, () => crypto.randomUUID());
  readonly #identityOf = new Map<string, string>();
  readonly #mappings: string[] = [];
  readonly #entries: string[] = [];
  #tokens = new Map<string, string>();
  readonly #kinds: readonly (() => Call)[];

  constructor(
    private readonly service: Service,
    private readonly random: Prng,
  ) {
    const own = (): Call => this.ownToken(this.random.below(PEOPLE));
    this.#kinds = [
      ...[own, own, own, own, own, own],
      ...[this.#ownIdentity, this.#revoke, this.#teams, this.#create, this.#create, this.#list],
      ...[this.#read, this.#change, this.#remove, this.#forAnother, this.#forAnother],
      ...[this.#entryPage, this.#entry, this.#proof, this.#export, this.#statistics],
      ...[this.#checkpoint, this.#checkpoint, this.#forbidden, this.#nobody, this.#senseless],
      ...[this.#live, this.#metrics],
    ].map((kind) => kind.bind(this));
  }

  get people(): number {
    return PEOPLE;
  }

  /** Signs everybody in again: their tokens are signed by the key of today. */
  async signIn(): Promise<void> {
    const names: readonly Who[] = ['ada', 'grace', 'crm-service', 'mallory', 'alice'];
    const { control } = this.service.emulator;
    const people = this.#oids.map(async (oid) => {
      const token = await control.mintToken({ person: 'alice', claims: { oid } });
      return [oid, token] as const;
    });
    const others = names.map(async (who) => [who, await this.service.token(who)] as const);
    this.#tokens = new Map(await Promise.all([...people, ...others]));
  }

  next(): Call {
    return this.random.pick(this.#kinds)();
  }

  ownToken(person: number): Call {
    const oid = this.#oids[person] ?? '';
    return {
      ...this.#of(oid, 'POST', '/v1/me/tokens', [200], {}),
      onSuccess: (text) => {
        const { communicationUserId } = this.#keepToken(text);
        const known = this.#identityOf.get(oid) ?? communicationUserId;
        this.#identityOf.set(oid, known);
        if (known !== communicationUserId) this.broken.push(`person ${person} has two identities`);
      },
    };
  }

  #ownIdentity(): Call {
    return this.#of(this.#person(), 'GET', '/v1/me/identity', [200, 404]);
  }

  #revoke(): Call {
    return {
      ...this.#of(this.#person(), 'POST', '/v1/me/tokens/revoke', [202, 404]),
      onSuccess: (text) => this.receipts.push(...revocationReceipts(text)),
    };
  }

  #teams(): Call {
    const body = { teamsUserToken: 'bm8.dG9rZW4.x' };
    return this.#of(this.#person(), 'POST', '/v1/me/teams-tokens', [400, 403], body);
  }

  #create(): Call {
    const subject = `managed-${this.random.below(60)}`;
    return {
      ...this.#of('ada', 'POST', '/v1/identities', [200, 201, 409], { kind: 'user', subject }),
      onSuccess: (text) => {
        learn(this.#mappings, (JSON.parse(text) as { id: string }).id);
      },
    };
  }

  #list(): Call {
    return this.#of('ada', 'GET', '/v1/identities?limit=5', [200]);
  }

  #read(): Call {
    return this.#of('ada', 'GET', `/v1/identities/${this.#mapping()}`, [200, 404]);
  }

  #change(): Call {
    const body = { status: this.random.pick(['active', 'suspended']) };
    return this.#of('ada', 'PATCH', `/v1/identities/${this.#mapping()}`, [200, 404, 409], body);
  }

  #remove(): Call {
    return this.#of('ada', 'DELETE', `/v1/identities/${this.#mapping()}`, [200, 202, 404, 409]);
  }

  #forAnother(): Call {
    const path = `/v1/identities/${this.#mapping()}/tokens`;
    return {
      ...this.#of('crm-service', 'POST', path, [200, 403, 404, 409], {}),
      onSuccess: (text) => this.#keepToken(text),
    };
  }

  #entryPage(): Call {
    return {
      ...this.#of('grace', 'GET', '/v1/audit/entries?limit=5', [200]),
      onSuccess: (text) => {
        const { items } = JSON.parse(text) as { items: { entry: { id: string } }[] };
        for (const { entry } of items) learn(this.#entries, entry.id);
      },
    };
  }

  #entry(): Call {
    return this.#of('grace', 'GET', `/v1/audit/entries/${this.#recorded()}`, [200, 404]);
  }

  #proof(): Call {
    return this.#of('grace', 'GET', `/v1/audit/entries/${this.#recorded()}/proof`, [200, 404]);
  }

  #export(): Call {
    const format = this.random.pick(['ndjson', 'csv', 'cef', 'ocsf', 'ecs']);
    const path = `/v1/audit/export?format=${format}&fromIndex=${this.random.below(1_000)}`;
    return { ...this.#of('grace', 'GET', path, [200]), mayEndEarly: true };
  }

  #statistics(): Call {
    const [from, to] = [new Date(Date.now() - 3_600_000), new Date()];
    const query = `from=${from.toISOString()}&to=${to.toISOString()}&bucket=hour`;
    return this.#of('grace', 'GET', `/v1/audit/statistics?${query}`, [200]);
  }

  #checkpoint(): Call {
    return {
      ...this.#of('grace', 'GET', '/v1/audit/log/checkpoint', [200]),
      onSuccess: (text) => this.checkpoints.push(text),
    };
  }

  #forbidden(): Call {
    return this.random.pick([
      this.#of('mallory', 'POST', '/v1/me/tokens', [403], {}),
      this.#of('alice', 'GET', '/v1/identities?limit=5', [403]),
      this.#of('ada', 'GET', '/v1/audit/entries?limit=5', [403]),
    ]);
  }

  #nobody(): Call {
    const path = '/v1/me/tokens';
    return this.random.pick<Call>([
      { method: 'POST', path, body: {}, expected: [401] },
      { method: 'POST', path, body: {}, token: 'bm8.dG9rZW4.x', expected: [401] },
      { method: 'GET', path: '/v1/nowhere', expected: [401, 404] },
    ]);
  }

  #senseless(): Call {
    const body = this.random.pick([{ scopes: ['root'] }, { expiresInMinutes: 1 }, { sudo: true }]);
    return this.#of(this.#person(), 'POST', '/v1/me/tokens', [400, 403], body);
  }

  #live(): Call {
    return { method: 'GET', path: '/health/live', expected: [200], needsNoUpstream: true };
  }

  #metrics(): Call {
    return { method: 'GET', path: '/metrics', expected: [200], needsNoUpstream: true };
  }

  #of(
    who: string,
    method: ApiRequest['method'],
    path: string,
    expected: readonly number[],
    body?: object,
  ): Call {
    return { method, path, expected, body, token: this.#tokens.get(who) };
  }

  #person(): string {
    return this.random.pick(this.#oids);
  }

  #mapping(): string {
    return this.#mappings.length === 0 ? crypto.randomUUID() : this.random.pick(this.#mappings);
  }

  #recorded(): string {
    return this.#entries.length === 0 ? crypto.randomUUID() : this.random.pick(this.#entries);
  }

  #keepToken(text: string): ReturnType<typeof tokenReceipt> {
    const receipt = tokenReceipt(text);
    this.receipts.push(receipt);
    return receipt;
  }
}

function learn(known: string[], id: string): void {
  known.push(id);
  if (known.length > MAX_KNOWN) known.shift();
}
