import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DatabaseModule } from '#libs/platform';
import { IdentityMap } from './identity-map.js';
import { MappingEntity } from './mapping.entity.js';
import { OrphanEntity } from './orphan.entity.js';
import { PostgresIdentityMap } from './postgres-identity-map.js';

/**
 * Binds `IdentityMap` to PostgreSQL.
 *
 * One unit with the audit trail: a mapping changes in the transaction that appends its entry, so
 * both are replaced together.
 */
@Global()
@Module({
  imports: [DatabaseModule, TypeOrmModule.forFeature([MappingEntity, OrphanEntity])],
  providers: [{ provide: IdentityMap, useClass: PostgresIdentityMap }],
  exports: [IdentityMap],
})
export class PostgresIdentityMapModule {}
