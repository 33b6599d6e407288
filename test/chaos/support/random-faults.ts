import { setTimeout as delay } from 'node:timers/promises';
import type { FaultRequest } from '../../../apps/emulator/src/emulator.js';
import type { LocalPostgres } from '../../../apps/local/src/postgres/local-postgres.js';
import type { Service } from '../../support/service.js';
import type { Prng } from '../../support/prng.js';
import { postgresHelpers, signal } from './kill-postgres.js';

const faultKinds: readonly Pick<FaultRequest, 'kind' | 'status' | 'latencyMs' | 'headers'>[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503 },
  { kind: 'status', status: 401 },
  { kind: 'status', status: 403 },
  { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
  { kind: 'latency', latencyMs: 300 },
  { kind: 'latency', latencyMs: 1_500 },
  { kind: 'reset' },
  { kind: 'malformed' },
  { kind: 'reply-lost' },
  { kind: 'hang' },
  { kind: 'redirect' },
];

const services = ['acs', 'acs', 'key-vault', 'entra'] as const;
const locks = ['audit_head', 'audit_entry', 'mapping', 'audit_personal'] as const;

/** What can go wrong around the service, by the dice. */
export class RandomFaults {
  #stall: Promise<void> = Promise.resolve();
  readonly #counts = new Map<string, number>();

  constructor(
    private readonly service: Service,
    private readonly cluster: LocalPostgres,
    private readonly random: Prng,
  ) {}

  /** Takes the place of the trouble before. A stall of the database ends by itself. */
  async begin(): Promise<void> {
    const { control } = this.service.emulator;
    await control.removeFaults();
    for (let left = this.random.below(3); left > 0; left -= 1) {
      const fault = {
        ...this.random.pick(faultKinds),
        service: this.random.pick(services),
        operation: '*',
      };
      this.#count(`${fault.service} ${fault.kind}`);
      await control.addFault({
        ...fault,
        probability: this.random.pick([0.1, 0.5, 1]),
        seed: this.random.below(1_000_000),
      });
    }
    if (this.random.next() > 0.15) return;
    await this.#stall;
    this.#stall = this.#stallDatabase();
    // Whether it worked is judged by the answers.
    this.#stall.catch(() => undefined);
  }

  /** Replaces what everybody knows: the keys that tokens are signed with, or ACS's own. */
  async rotate(nth: number): Promise<void> {
    const { control } = this.service.emulator;
    if (nth % 2 === 0) {
      await control.rotateKeys();
      this.#count('Entra keys rotated');
      return;
    }
    const { connectionString } = await control.regenerateAcsKey();
    if (connectionString === undefined) throw new Error('ACS gave no new key');
    this.service.scanner.forbid(connectionString);
    await control.setSecret({ name: 'acs-connection-string', value: connectionString });
    this.#count('ACS keys rotated');
  }

  async end(): Promise<void> {
    await this.#stall;
    await this.service.emulator.control.removeFaults();
  }

  /** How often each trouble was made. */
  summary(): string {
    return [...this.#counts]
      .sort()
      .map(([what, times]) => `${what}: ${times}`)
      .join(', ');
  }

  async #stallDatabase(): Promise<void> {
    const forMs = this.random.pick([200, 1_000, 3_000]);
    const choice = this.random.below(4);
    if (choice === 0) {
      this.#count('connections cut');
      await this.service.rows(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'identity_service'`,
      );
      return;
    }
    if (choice === 1) {
      this.#count('PostgreSQL frozen');
      const frozen = await postgresHelpers(this.cluster);
      for (const id of frozen) signal(id, 'SIGSTOP');
      await delay(forMs);
      for (const id of frozen) signal(id, 'SIGCONT');
      return;
    }
    const table = this.random.pick(locks);
    this.#count(`${table} locked`);
    await this.service.hold(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`, async () =>
      delay(forMs),
    );
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }
}
