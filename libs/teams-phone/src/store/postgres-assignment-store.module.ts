import { Global, Module } from '@nestjs/common';
import { DatabaseModule } from '#libs/platform';
import { AssignmentStore } from './assignment-store.js';
import { PostgresAssignmentStore } from './postgres-assignment-store.js';

/** Binds `AssignmentStore` to PostgreSQL. One unit with the audit trail, as the map of identities is. */
@Global()
@Module({
  imports: [DatabaseModule],
  providers: [{ provide: AssignmentStore, useClass: PostgresAssignmentStore }],
  exports: [AssignmentStore],
})
export class PostgresAssignmentStoreModule {}
