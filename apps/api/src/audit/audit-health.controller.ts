import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AuditLogService, AuditOverview } from '#libs/audit';
import { SinkOverview } from '#libs/audit-delivery';
import { ReadinessChecks, stateOf } from '#libs/platform';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import { auditHealth, type AuditHealthResponse, toAuditHealth } from './audit-health.js';

/** How the audit log does, for auditors. */
@ApiTags('audit')
@Controller('v1/audit')
export class AuditHealthController {
  constructor(
    private readonly auditLog: AuditLogService,
    private readonly overview: AuditOverview,
    private readonly sinks: SinkOverview,
    private readonly checks: ReadinessChecks,
  ) {}

  @Get('health')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    workload: 'reading',
    summary:
      'How the log does: its checks and their findings, sinks, witnesses, stored months; home tenant only',
    description: 'It shows nothing of an entry or a person, and is not recorded.',
    operationId: 'audit.health',
    responses: { 200: auditHealth },
  })
  async health(@CurrentCall() call: CurrentCall): Promise<AuditHealthResponse> {
    await this.auditLog.requireWholeLog(call, 'audit.read', { route: 'health' });
    const answers = Object.entries(await this.checks.ask());
    const parts = Object.fromEntries(answers.map(([part, answer]) => [part, stateOf(answer)]));
    return toAuditHealth(await this.overview.read(), await this.sinks.statuses(), parts);
  }
}
