import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock, Database, Sweeps } from '#libs/platform';
import { EntryStatistics } from '../query/entry-statistics.js';
import { withBriefLocks } from './brief-lock.js';

const PARTITION_MONTHS_AHEAD = 3;
/** For a partition: within a run. A dump of the database may have the tables for hours. */
const LOCK_WAIT_MS = 10_000;
const SCHEDULE = { intervalMs: 10 * 60 * 1000, runsAtStart: true };

/**
 * Creates the partitions of the coming months and counts past hours for statistics. Runs in every
 * replica; idempotent. Appends never wait for it long: a run during a dump of the database fails, and the next
 * one has three months. Entries of a month without a partition go to the default partition.
 */
@Injectable()
export class LogMaintenance implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly statistics: EntryStatistics,
    private readonly sweeps: Sweeps,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    // A sweep for each job, so that the failure of one does not stop the other.
    this.sweeps.start({
      name: 'audit maintenance',
      run: async (signal) => {
        await withBriefLocks(
          this.database,
          async (transaction) => {
            await transaction.query('SELECT audit_create_partitions($1)', [PARTITION_MONTHS_AHEAD]);
          },
          { clock: this.clock, waitMs: LOCK_WAIT_MS, signal },
        );
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
