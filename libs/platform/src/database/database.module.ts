import { Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Database } from './database.js';
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
  constructor(
    @Inject(Database) private readonly database: Database,
    private readonly readiness: ReadinessChecks,
  ) {}

  onApplicationBootstrap(): void {
    this.readiness.register('database', async () => {
      await this.database.query('SELECT 1');
      return { isReady: true };
    });
  }
}
