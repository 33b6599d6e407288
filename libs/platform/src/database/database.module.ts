import {
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { Database } from './database.js';
import { DatabaseCredential } from './database-credential.js';
import { DatabaseCheck } from './database-check.js';
import { Clock } from '../time/clock.js';
import { databaseSettings, type DatabaseSettings } from './database-settings.js';
import { dataSourceOptions } from './data-source-options.js';
import { registerPoolMetrics } from './pool-metrics.js';
import { ReadingDatabase } from './reading-database.js';
import { ReadinessChecks } from '../health/readiness-checks.js';

/** Without an adapter the password is in the address. */
const CREDENTIAL = { token: DatabaseCredential, optional: true } as const;
const READING_DATA_SOURCE = Symbol('data source of reading and bulk work');

/** The two connection pools of the process. Entities are registered by the modules that own them. */
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [databaseSettings.key, CREDENTIAL],
      useFactory: (settings: DatabaseSettings, credential?: DatabaseCredential) => ({
        ...dataSourceOptions({ ...settings, credential: credential?.source }),
        autoLoadEntities: true,
        manualInitialization: true,
      }),
    }),
  ],
  providers: [
    {
      provide: Database,
      inject: [getDataSourceToken()],
      useFactory: (dataSource: DataSource) => new Database(dataSource),
    },
    {
      provide: READING_DATA_SOURCE,
      inject: [databaseSettings.key, CREDENTIAL],
      useFactory: (
        { url, readingPoolSize: poolSize, timeoutMs }: DatabaseSettings,
        credential?: DatabaseCredential,
      ) =>
        new DataSource(
          dataSourceOptions({
            url,
            credential: credential?.source,
            poolSize,
            timeoutMs,
            applicationName: 'acs-identity-reading',
          }),
        ),
    },
    {
      provide: ReadingDatabase,
      inject: [READING_DATA_SOURCE],
      useFactory: (dataSource: DataSource) => new ReadingDatabase(dataSource),
    },
  ],
  exports: [Database, ReadingDatabase],
})
export class DatabaseModule implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #check: DatabaseCheck;

  constructor(
    @Inject(Database) database: Database,
    @Inject(READING_DATA_SOURCE) private readonly readingSource: DataSource,
    private readonly readiness: ReadinessChecks,
    @Inject(Clock) clock: Clock,
    @Inject(getDataSourceToken()) issuing: DataSource,
    @Inject(Registry) registry: Registry,
  ) {
    registerPoolMetrics({ issuing, reading: readingSource }, registry);
    this.#check = new DatabaseCheck(database, clock);
  }

  onApplicationBootstrap(): void {
    this.readiness.register('database', async () => this.#check.run());
  }

  /** TypeORM's own module closes the other pool. */
  async onApplicationShutdown(): Promise<void> {
    if (this.readingSource.isInitialized) await this.readingSource.destroy();
  }
}
