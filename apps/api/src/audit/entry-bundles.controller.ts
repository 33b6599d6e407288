import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AuditLogService } from '#libs/audit';
import type { CallContext } from '#libs/platform';
import { RequirePermission } from '#libs/authentication';
import { ApiFile } from '../http/api-responses.js';
import { CurrentAuditor } from './current-auditor.js';
import { TileAnswer } from './log-responses.js';
import { LogPath } from './log-path.js';

/** The entries themselves for verifiers (C2SP tlog-tiles): for auditors alone, however open the log is. */
@ApiTags('audit log')
@Controller('v1/audit/log/tile/entries')
export class EntryBundlesController {
  constructor(private readonly desk: AuditLogService) {}

  @Get('*')
  @RequirePermission('AuditLog.Read.All')
  @TileAnswer('private', 'A bundle of entries')
  @ApiFile(['application/octet-stream'], 401, 403, 404, 410, 429, 503)
  async bundle(@LogPath() path: string, @CurrentAuditor() auditor: CallContext): Promise<Buffer> {
    return this.desk.resource(auditor, path);
  }
}
