import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database, Sweeps } from '#libs/platform';
import { EntryStatistics } from '../query/entry-statistics.js';

const PARTITION_MONTHS_AHEAD = 3;
const SCHEDULE = { intervalMs: 10 * 60 * 1000, runsAtStart: true };

/**
 * Creates the partitions of the coming months and counts past hours for statistics. Runs in every
 * replica; idempotent. Until a failed run is repeated, entries go to the default partition.
 */
@Injectable()
export class LogMaintenance implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly statistics: EntryStatistics,
    private readonly sweeps: Sweeps,
  ) {}

  onApplicationBootstrap(): void {
    // A sweep for each job, so that the failure of one does not stop the other.
    this.sweeps.start({
      name: 'audit maintenance',
      run: async () => {
        await this.database.query('SELECT audit_create_partitions($1)', [PARTITION_MONTHS_AHEAD]);
      },
      ...SCHEDULE,
    });
    this.sweeps.start({
      name: 'audit statistics',
      run: async (signal) => {
        while (!signal.aborted && (await this.statistics.rollUp(signal)));
      },
      ...SCHEDULE,
    });
  }
}
