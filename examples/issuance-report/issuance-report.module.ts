import { Module } from '@nestjs/common';
import { AuditModule } from '#libs/audit';
import { IssuanceCounter } from './issuance-counter.js';
import { IssuanceReportController } from './issuance-report.controller.js';

/** Added to the api with `createApi(process.env, { modules: [IssuanceReportModule] })`. */
@Module({
  imports: [AuditModule],
  controllers: [IssuanceReportController],
  providers: [IssuanceCounter],
})
export class IssuanceReportModule {}
