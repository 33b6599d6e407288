import { Controller, Get } from '@nestjs/common';
import { AuditTrail } from '#libs/audit';
import {
  CurrentPrincipal,
  CurrentRequest,
  definePermission,
  RequirePermission,
} from '#libs/authentication';
import type { Principal, RequestContext } from '#libs/platform';
import { IssuanceCounter } from './issuance-counter.js';

const REPORT_READ = definePermission('IssuanceReport.Read.All');

/** A route of a host's own, with its own permission and its own audit action. */
@Controller('v1/issuance-report')
export class IssuanceReportController {
  constructor(
    private readonly counter: IssuanceCounter,
    private readonly trail: AuditTrail,
  ) {}

  @Get()
  @RequirePermission(REPORT_READ)
  async read(
    @CurrentPrincipal() actor: Principal,
    @CurrentRequest() request: RequestContext,
  ): Promise<{ readonly tokensByClientApp: Readonly<Record<string, number>> }> {
    await this.trail.record({
      action: 'x-issuance-report.read',
      outcome: 'success',
      actor,
      request,
    });
    return { tokensByClientApp: this.counter.counts };
  }
}
