import { setTimeout as delay } from 'node:timers/promises';
import type { FaultRequest } from '../../../apps/emulator/src/index.js';
import type { LocalPostgres } from '../../../apps/local/src/postgres/local-postgres.js';
import type { Prng } from '../../support/prng.js';
import type { Service } from '../../support/service.js';
import { postgresChildren, signal } from './kill-postgres.js';

const FAULTS: readonly Pick<FaultRequest, 'kind' | 'status' | 'latencyMs' | 'headers'>[] = [
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
/** ACS twice: it is called more often than the others. */
const SERVICES = ['acs', 'acs', 'key-vault', 'entra'] as const;
const LOCKED_TABLES = ['audit_head', 'audit_entry', 'mapping', 'audit_personal'] as const;
/** Part of the rounds that stall PostgreSQL. */
const STALL_RATE = 0.15;

/** Random faults of Entra ID, Key Vault, ACS and PostgreSQL. */
export class RandomFaults {
  #stall: Promise<void> = Promise.resolve();
  readonly #counts = new Map<string, number>();

  constructor(
    private readonly service: Service,
    private readonly cluster: LocalPostgres,
    private readonly prng: Prng,
  ) {}

  /** Replaces the current faults by up to two others. A stall of PostgreSQL ends after its time. */
  async next(): Promise<void> {
    const { control } = this.service.emulator;
    await control.removeFaults();
    for (let left = this.prng.below(3); left > 0; left -= 1) {
      const service = this.prng.pick(SERVICES);
      const fault = this.prng.pick(FAULTS);
      this.#count(`${service} ${fault.kind}`);
      await control.addFault({
        ...fault,
        service,
        operation: '*',
        probability: this.prng.pick([0.1, 0.5, 1]),
        seed: this.prng.below(1_000_000),
      });
    }
    if (this.prng.next() > STALL_RATE) return;
    await this.#stall;
    this.#stall = this.#stallPostgres();
    // A stall that fails has no effect on what is checked.
    this.#stall.catch(() => undefined);
  }

  /** Rotates the keys of Entra ID in even rounds, and the access key of ACS in odd ones. */
  async rotateKeys(round: number): Promise<void> {
    if (round % 2 === 0) {
      await this.service.emulator.control.rotateKeys();
      this.#count('Entra keys rotated');
    } else {
      await this.service.rotateAcsKey();
      this.#count('ACS keys rotated');
    }
  }

  /** Ends all faults. */
  async end(): Promise<void> {
    await this.#stall;
    await this.service.emulator.control.removeFaults();
  }

  /** How often each fault was made. */
  summary(): string {
    const counts = [...this.#counts].sort();
    return counts.map(([what, times]) => `${what}: ${times}`).join(', ');
  }

  async #stallPostgres(): Promise<void> {
    const forMs = this.prng.pick([200, 1_000, 3_000]);
    const choice = this.prng.below(4);
    if (choice === 0) {
      this.#count('connections terminated');
      await this.service.rows(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'identity_service'`,
      );
      return;
    }
    if (choice === 1) {
      this.#count('PostgreSQL stopped');
      const processes = await postgresChildren(this.cluster);
      for (const id of processes) signal(id, 'SIGSTOP');
      await delay(forMs);
      for (const id of processes) signal(id, 'SIGCONT');
      return;
    }
    const table = this.prng.pick(LOCKED_TABLES);
    this.#count(`${table} locked`);
    await this.service.hold(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`, async () =>
      delay(forMs),
    );
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }
}
