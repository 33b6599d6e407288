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
  readonly #tasks: readonly PeriodicTask[];

  constructor(database: Database, statistics: EntryStatistics, clock: Clock, logger: Logger) {
    const schedule = { intervalMs: INTERVAL_MS, runsAtStart: true, clock, logger };
    // A task for each job, so that the failure of one does not stop the other.
    this.#tasks = [
      new PeriodicTask({
        name: 'audit maintenance',
        run: async () => {
          await database.query('SELECT audit_create_partitions($1)', [PARTITION_MONTHS_AHEAD]);
        },
        ...schedule,
      }),
      new PeriodicTask({
        name: 'audit statistics',
        run: async (signal) => {
          while (!signal.aborted && (await statistics.rollUp(signal)));
        },
        ...schedule,
      }),
    ];
  }

  onApplicationBootstrap(): void {
    for (const task of this.#tasks) task.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.#tasks.map(async (task) => task.stop()));
  }
}
