import { Global, Module } from '@nestjs/common';
import { Database, DatabaseModule } from '#libs/platform';
import { PostgresWindowStore } from './postgres-window-store.js';
import { WindowStore } from './window-store.js';

/** Binds `WindowStore` to PostgreSQL. */
@Global()
@Module({
  imports: [DatabaseModule],
  providers: [
    {
      provide: WindowStore,
      inject: [Database],
      useFactory: (database: Database) => new PostgresWindowStore(database),
    },
  ],
  exports: [WindowStore],
})
export class PostgresWindowStoreModule {}
