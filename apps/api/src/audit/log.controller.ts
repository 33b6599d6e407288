import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AuditLogService, CheckpointSigners } from '#libs/audit';
import type { CallContext } from '#libs/platform';
import { RequirePermission } from '#libs/authentication';
import { ApiFile } from '../http/api-responses.js';
import { CurrentAuditor } from './current-auditor.js';
import { CheckpointAnswer, KeysAnswer, TileAnswer } from './log-responses.js';
import { LogPath, requireHashTile } from './log-path.js';

/** The log's hashes for verifiers (C2SP tlog-tiles), where they are for auditors alone. */
@ApiTags('audit log')
@Controller('v1/audit/log')
export class LogController {
  constructor(
    private readonly desk: AuditLogService,
    private readonly signers: CheckpointSigners,
  ) {}

  @Get('checkpoint')
  @RequirePermission('AuditLog.Read.All')
  @CheckpointAnswer('private')
  @ApiFile(['text/plain'], 401, 403, 429, 503)
  async checkpoint(@CurrentAuditor() auditor: CallContext): Promise<string> {
    return (await this.desk.checkpoint(auditor)).checkpoint;
  }

  @Get('tile/*')
  @RequirePermission('AuditLog.Read.All')
  @TileAnswer('private', 'A tile of the log’s hashes')
  @ApiFile(['application/octet-stream'], 401, 403, 404, 429, 503)
  async tile(@LogPath() path: string, @CurrentAuditor() auditor: CallContext): Promise<Buffer> {
    return this.desk.resource(auditor, requireHashTile(path));
  }

  @Get('keys')
  @RequirePermission('AuditLog.Read.All')
  @KeysAnswer('private')
  @ApiFile(['text/plain'], 401, 403, 429, 503)
  async keys(): Promise<string> {
    return (await this.signers.verifierKeys()).map((key) => `${key}\n`).join('');
  }
}
