import type { Service } from '../../support/service.js';
import type { ApiRequest } from './request.js';
import type { Prng } from '../../support/prng.js';
import { type Receipt, revocationReceipts, tokenReceipt } from './receipts.js';

/** A request, and the statuses that are right while no upstream is at fault. */
export interface CheckedRequest extends ApiRequest {
  readonly expected: readonly number[];
  /** Its response is streamed: the connection may end early when the database fails. */
  readonly mayEndEarly?: boolean;
  /** It has its expected status also while upstreams are at fault. */
  readonly needsNoUpstream?: boolean;
  /** Receives the body of a 2xx response. */
  readonly onSuccess?: (text: string) => void;
}

type SampleName = 'ada' | 'grace' | 'crm-service' | 'mallory' | 'alice';

const PEOPLE = 40;
const MAX_KNOWN = 200;

/** Random requests to every route, by callers of every kind. */
export class MixedTraffic {
  readonly receipts: Receipt[] = [];
  readonly checkpoints: string[] = [];
  /** Responses that violate the contract. */
  readonly failures: string[] = [];
  readonly #oids = Array.from({ length: PEOPLE }, () => crypto.randomUUID());
  readonly #identityOf = new Map<string, string>();
  readonly #mappings: string[] = [];
  readonly #entries: string[] = [];
  #tokens = new Map<string, string>();
  readonly #requests: readonly (() => CheckedRequest)[];

  constructor(
    private readonly service: Service,
    private readonly prng: Prng,
  ) {
    const token = (): CheckedRequest => this.tokenRequest(this.prng.below(PEOPLE));
    /* oxlint-disable typescript/unbound-method -- bound below */
    this.#requests = [
      ...[token, token, token, token, token, token],
      ...[this.#identity, this.#revoke, this.#teams, this.#create, this.#create, this.#list],
      ...[this.#read, this.#change, this.#remove, this.#tokenForAnother, this.#tokenForAnother],
      ...[this.#entryPage, this.#entry, this.#proof, this.#export, this.#statistics],
      ...[
        this.#checkpoint,
        this.#checkpoint,
        this.#forbidden,
        this.#unauthenticated,
        this.#invalid,
      ],
      ...[this.#live, this.#metrics],
    ].map((request) => request.bind(this));
    /* oxlint-enable typescript/unbound-method */
  }

  get people(): number {
    return PEOPLE;
  }

  /** Signs every caller in again, so that their tokens are signed by the current key. */
  async signIn(): Promise<void> {
    const names: readonly SampleName[] = ['ada', 'grace', 'crm-service', 'mallory', 'alice'];
    const { control } = this.service.emulator;
    const people = this.#oids.map(async (oid) => {
      const token = await control.mintToken({ person: 'alice', claims: { oid } });
      return [oid, token] as const;
    });
    const others = names.map(async (name) => [name, await this.service.token(name)] as const);
    this.#tokens = new Map(await Promise.all([...people, ...others]));
  }

  /** A random request. */
  next(): CheckedRequest {
    return this.prng.pick(this.#requests)();
  }

  /** Requests a token as one of the people. */
  tokenRequest(person: number): CheckedRequest {
    const oid = this.#oids[person] ?? '';
    return {
      ...this.#as(oid, 'POST', '/v1/me/tokens', [200], {}),
      onSuccess: (text) => {
        const { communicationUserId } = this.#addReceipt(text);
        const known = this.#identityOf.get(oid) ?? communicationUserId;
        this.#identityOf.set(oid, known);
        if (known !== communicationUserId)
          this.failures.push(`person ${person} has two identities`);
      },
    };
  }

  #identity(): CheckedRequest {
    return this.#as(this.#anyPerson(), 'GET', '/v1/me/identity', [200, 404]);
  }

  #revoke(): CheckedRequest {
    return {
      ...this.#as(this.#anyPerson(), 'POST', '/v1/me/tokens/revoke', [202, 404]),
      onSuccess: (text) => this.receipts.push(...revocationReceipts(text)),
    };
  }

  #teams(): CheckedRequest {
    const body = { teamsUserToken: 'bm8.dG9rZW4.x' };
    return this.#as(this.#anyPerson(), 'POST', '/v1/me/teams-tokens', [400, 403], body);
  }

  #create(): CheckedRequest {
    const subject = `managed-${this.prng.below(60)}`;
    return {
      ...this.#as('ada', 'POST', '/v1/identities', [200, 201, 409], { kind: 'user', subject }),
      onSuccess: (text) => {
        remember(this.#mappings, (JSON.parse(text) as { id: string }).id);
      },
    };
  }

  #list(): CheckedRequest {
    return this.#as('ada', 'GET', '/v1/identities?limit=5', [200]);
  }

  #read(): CheckedRequest {
    return this.#as('ada', 'GET', `/v1/identities/${this.#knownMapping()}`, [200, 404]);
  }

  #change(): CheckedRequest {
    const body = { status: this.prng.pick(['active', 'suspended']) };
    return this.#as(
      'ada',
      'PATCH',
      `/v1/identities/${this.#knownMapping()}`,
      [200, 404, 409],
      body,
    );
  }

  #remove(): CheckedRequest {
    return this.#as(
      'ada',
      'DELETE',
      `/v1/identities/${this.#knownMapping()}`,
      [200, 202, 404, 409],
    );
  }

  #tokenForAnother(): CheckedRequest {
    const path = `/v1/identities/${this.#knownMapping()}/tokens`;
    return {
      ...this.#as('crm-service', 'POST', path, [200, 403, 404, 409], {}),
      onSuccess: (text) => this.#addReceipt(text),
    };
  }

  #entryPage(): CheckedRequest {
    return {
      ...this.#as('grace', 'GET', '/v1/audit/entries?limit=5', [200]),
      onSuccess: (text) => {
        const { items } = JSON.parse(text) as { items: { entry: { id: string } }[] };
        for (const { entry } of items) remember(this.#entries, entry.id);
      },
    };
  }

  #entry(): CheckedRequest {
    return this.#as('grace', 'GET', `/v1/audit/entries/${this.#knownEntry()}`, [200, 404]);
  }

  #proof(): CheckedRequest {
    return this.#as('grace', 'GET', `/v1/audit/entries/${this.#knownEntry()}/proof`, [200, 404]);
  }

  #export(): CheckedRequest {
    const format = this.prng.pick(['ndjson', 'csv', 'cef', 'ocsf', 'ecs']);
    const path = `/v1/audit/export?format=${format}&fromIndex=${this.prng.below(1_000)}`;
    return { ...this.#as('grace', 'GET', path, [200]), mayEndEarly: true };
  }

  #statistics(): CheckedRequest {
    const [from, to] = [new Date(Date.now() - 3_600_000), new Date()];
    const query = `from=${from.toISOString()}&to=${to.toISOString()}&bucket=hour`;
    return this.#as('grace', 'GET', `/v1/audit/statistics?${query}`, [200]);
  }

  #checkpoint(): CheckedRequest {
    return {
      ...this.#as('grace', 'GET', '/v1/audit/log/checkpoint', [200]),
      onSuccess: (text) => this.checkpoints.push(text),
    };
  }

  #forbidden(): CheckedRequest {
    return this.prng.pick([
      this.#as('mallory', 'POST', '/v1/me/tokens', [403], {}),
      this.#as('alice', 'GET', '/v1/identities?limit=5', [403]),
      this.#as('ada', 'GET', '/v1/audit/entries?limit=5', [403]),
    ]);
  }

  #unauthenticated(): CheckedRequest {
    const path = '/v1/me/tokens';
    return this.prng.pick<CheckedRequest>([
      { method: 'POST', path, body: {}, expected: [401] },
      { method: 'POST', path, body: {}, token: 'bm8.dG9rZW4.x', expected: [401] },
      { method: 'GET', path: '/v1/nowhere', expected: [401, 404] },
    ]);
  }

  #invalid(): CheckedRequest {
    const body = this.prng.pick([{ scopes: ['root'] }, { expiresInMinutes: 1 }, { sudo: true }]);
    return this.#as(this.#anyPerson(), 'POST', '/v1/me/tokens', [400, 403], body);
  }

  #live(): CheckedRequest {
    return { method: 'GET', path: '/health/live', expected: [200], needsNoUpstream: true };
  }

  #metrics(): CheckedRequest {
    return { method: 'GET', path: '/metrics', expected: [200], needsNoUpstream: true };
  }

  #as(
    caller: string,
    method: ApiRequest['method'],
    path: string,
    expected: readonly number[],
    body?: object,
  ): CheckedRequest {
    return { method, path, expected, body, token: this.#tokens.get(caller) };
  }

  #anyPerson(): string {
    return this.prng.pick(this.#oids);
  }

  #knownMapping(): string {
    return this.#mappings.length === 0 ? crypto.randomUUID() : this.prng.pick(this.#mappings);
  }

  #knownEntry(): string {
    return this.#entries.length === 0 ? crypto.randomUUID() : this.prng.pick(this.#entries);
  }

  #addReceipt(text: string): ReturnType<typeof tokenReceipt> {
    const receipt = tokenReceipt(text);
    this.receipts.push(receipt);
    return receipt;
  }
}

function remember(known: string[], id: string): void {
  known.push(id);
  if (known.length > MAX_KNOWN) known.shift();
}
