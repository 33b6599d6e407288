import { Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Database } from './database.js';
import { DatabaseCheck } from './database-check.js';
import { Clock } from '../time/clock.js';
import { databaseSettings, type DatabaseSettings } from './database-settings.js';
import { dataSourceOptions } from './data-source-options.js';
import { ReadinessChecks } from '../health/readiness-checks.js';

/** The connection pool of the process. Entities are registered by the modules that own them. */
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [databaseSettings.key],
      useFactory: (settings: DatabaseSettings) => ({
        ...dataSourceOptions(settings),
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
  ],
  exports: [Database],
})
export class DatabaseModule implements OnApplicationBootstrap {
  readonly #check: DatabaseCheck;

  constructor(
    @Inject(Database) database: Database,
    private readonly readiness: ReadinessChecks,
    @Inject(Clock) clock: Clock,
  ) {
    this.#check = new DatabaseCheck(database, clock);
  }

  onApplicationBootstrap(): void {
    this.readiness.register('database', async () => this.#check.run());
  }
}
