import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock, Database, Logger, PeriodicTask } from '#libs/platform';
import { EntryStatistics } from '../query/entry-statistics.js';

const PARTITION_MONTHS_AHEAD = 3;
const INTERVAL_MS = 10 * 60 * 1000;

/**
 * Creates the partitions of the coming months and counts past hours for statistics. Runs in every
 * replica; idempotent. Until a failed run is repeated, entries go to the default partition.
 */
@Injectable()
export class LogMaintenance implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #task: PeriodicTask;

  constructor(
    private readonly database: Database,
    private readonly statistics: EntryStatistics,
    clock: Clock,
    logger: Logger,
  ) {
    this.#task = new PeriodicTask({
      name: 'audit maintenance',
      run: async (signal) => this.#maintain(signal),
      intervalMs: INTERVAL_MS,
      runsAtStart: true,
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

  async #maintain(signal: AbortSignal): Promise<void> {
    await this.database.query('SELECT audit_create_partitions($1)', [PARTITION_MONTHS_AHEAD]);
    let hasMore = true;
    while (hasMore && !signal.aborted) hasMore = await this.statistics.rollUp();
  }
}
