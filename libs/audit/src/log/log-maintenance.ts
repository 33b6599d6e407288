import {
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Clock, Database, Logger } from '#libs/platform';
import { EntryStatistics } from '../query/entry-statistics.js';

const PARTITION_MONTHS_AHEAD = 3;
const pauseMs = 10 * 60 * 1000;

/** Keeps the log's tables ahead of time: partitions for the coming months, counts of hours gone by. */
@Injectable()
export class LogMaintenance implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly statistics: EntryStatistics,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.#running = this.#run();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** One round. A failure is logged and left to the next round: entries have a place meanwhile. */
  async maintain(): Promise<void> {
    try {
      await this.database.query('SELECT audit_create_partitions($1)', [PARTITION_MONTHS_AHEAD]);
      let hasMore = true;
      while (hasMore && !this.#stop.signal.aborted) hasMore = await this.statistics.rollUp();
    } catch (error) {
      this.logger.warn({ error }, 'audit maintenance failed');
    }
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.maintain();
      await this.clock.sleep(pauseMs, this.#stop.signal).catch(() => undefined);
    }
  }
}
