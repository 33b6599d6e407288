import { Module } from '@nestjs/common';
import { DatabaseModule } from '#libs/platform';
import { AuditModule } from '../audit.module.js';
import { CosignedCheckpoints } from '../witness/cosigned-checkpoints.js';
import { WitnessStates } from '../witness/witness-states.js';
import { AuditOverview } from './audit-overview.js';
import { WitnessOverview } from './witness-overview.js';

/** Shows how the log, its verifier and its witnesses do. */
@Module({
  imports: [DatabaseModule, AuditModule],
  providers: [CosignedCheckpoints, WitnessStates, WitnessOverview, AuditOverview],
  exports: [AuditOverview],
})
export class AuditHealthModule {}
