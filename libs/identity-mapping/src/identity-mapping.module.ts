import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '#libs/audit';
import { CommunicationServicesModule } from '#libs/communication-services';
import { DatabaseModule } from '#libs/platform';
import { IdentityMap } from './identity-map.js';
import { IdentityMappingService } from './identity-mapping.service.js';
import { MappingEntity } from './mapping.entity.js';
import { PostgresIdentityMap } from './postgres-identity-map.js';

/** Application identities and the communication identities that belong to them. */
@Module({
  imports: [
    DatabaseModule,
    AuditModule,
    CommunicationServicesModule,
    TypeOrmModule.forFeature([MappingEntity]),
  ],
  providers: [{ provide: IdentityMap, useClass: PostgresIdentityMap }, IdentityMappingService],
  exports: [IdentityMap, IdentityMappingService],
})
export class IdentityMappingModule {}
