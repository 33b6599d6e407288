import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AuditDesk, type AuditReader } from '#libs/audit';
import { RequirePermission } from '#libs/authentication';
import { Delivers } from '../http/answers.js';
import { CurrentAuditor } from './current-auditor.js';
import { TileAnswer } from './log-answers.js';
import { LogPath } from './log-path.js';

/** The entries themselves for verifiers (C2SP tlog-tiles): for auditors alone, however open the log is. */
@ApiTags('audit log')
@Controller('v1/audit/log/tile/entries')
export class EntryBundlesController {
  constructor(private readonly desk: AuditDesk) {}

  @Get('*')
  @RequirePermission('AuditLog.Read.All')
  @TileAnswer('private', 'A bundle of entries')
  @Delivers(['application/octet-stream'], 401, 403, 404, 410, 429, 503)
  async bundle(@LogPath() path: string, @CurrentAuditor() auditor: AuditReader): Promise<Buffer> {
    return this.desk.resource(auditor, path);
  }
}
