import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AuditLogService } from '#libs/audit';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import { tileEndpoint } from './log-endpoints.js';
import { ApiLogPath, LogPath } from './log-path.js';

/** The entries for verifiers (C2SP tlog-tiles). For auditors of the home tenant only, also when the log is public. */
@ApiTags('audit-log')
@Controller('v1/audit/log/tile/entries')
export class EntryBundlesController {
  constructor(private readonly auditLog: AuditLogService) {}

  @Get('*')
  @ApiLogPath()
  @Endpoint({
    permission: 'AuditLog.Read.All',
    operationId: 'log.entries',
    ...tileEndpoint('private', 'A bundle of entries'),
    problems: [404, 410],
  })
  async bundle(@LogPath() path: string, @CurrentCall() call: CurrentCall): Promise<Buffer> {
    return this.auditLog.bundle(call, path);
  }
}
