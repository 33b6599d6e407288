import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Clock, Database, Logger, PeriodicTask } from '#libs/platform';
import { SecretStore } from '../secret-store.js';
import type { SecretInUse } from '../version-trials.js';

const INTERVAL_MS = 1_000;
/** While the database is unavailable. */
const RETRY_MS = 5_000;
/** How often a version is looked for that the store does not give out. */
const MAX_ATTEMPTS = 20;

interface Notice {
  readonly name: string;
  readonly version: string;
}

/**
 * Notices that a secret has a new version, for all replicas: one gets the event, the others read of it in
 * the database, every second. A notice makes each replica read that secret from the store again; it
 * carries no value, so that a false one changes nothing.
 */
@Injectable()
export class SecretNotices implements OnApplicationBootstrap, OnModuleDestroy {
  /** How often each notice has been followed. */
  readonly #attempts = new Map<string, { readonly version: string; count: number }>();
  readonly #task: PeriodicTask;

  constructor(
    @Inject(Database) private readonly database: Database,
    private readonly secrets: SecretStore,
    clock: Clock,
    logger: Logger,
  ) {
    this.#task = new PeriodicTask({
      name: 'notices of new secrets',
      run: async () => this.#follow(),
      intervalMs: INTERVAL_MS,
      retryMs: () => RETRY_MS,
      clock,
      logger,
    });
  }

  onApplicationBootstrap(): void {
    this.#task.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#task.stop();
  }

  /**
   * Spreads a notice. Those of secrets that this process does not use, and of versions that it knows, are
   * ignored.
   *
   * @param name in any capitals
   */
  async add({ name, version }: Notice): Promise<void> {
    const use = this.secrets.inUse().find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (!use || isKnown(use, version)) return;
    await this.database.query(
      `INSERT INTO secret_notice (name, version, noticed_at) VALUES ($1, $2, clock_timestamp())
       ON CONFLICT (name) DO UPDATE
       SET version = excluded.version, noticed_at = excluded.noticed_at`,
      [use.name, version],
    );
    await this.#task.runOnce();
  }

  async #follow(): Promise<void> {
    const notices = await this.database.query<Notice>(
      `SELECT name, version FROM secret_notice
       WHERE noticed_at > clock_timestamp() - interval '1 minute'`,
    );
    const used = new Map(this.secrets.inUse().map((use) => [use.name, use]));
    const unknown = notices.filter(({ name, version }) => {
      const use = used.get(name);
      return use !== undefined && !isKnown(use, version);
    });
    await Promise.all(unknown.map(async (notice) => this.#reread(notice)));
  }

  async #reread({ name, version }: Notice): Promise<void> {
    const known = this.#attempts.get(name);
    const attempt = known?.version === version ? known : { version, count: 0 };
    this.#attempts.set(name, attempt);
    attempt.count += 1;
    if (attempt.count > MAX_ATTEMPTS) return;
    // The store logs why it can't be read.
    await this.secrets.reread(name).catch(() => undefined);
    await this.secrets.current(name).catch(() => undefined);
  }
}

function isKnown({ version, rejected }: SecretInUse, noticed: string): boolean {
  return noticed === version || noticed === rejected?.version;
}
