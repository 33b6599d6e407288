import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AuditLogService, LogKeys } from '#libs/audit';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import {
  checkpointEndpoint,
  keyLines,
  keysEndpoint,
  tileEndpoint,
  witnessedCheckpointEndpoint,
} from './log-endpoints.js';
import { ApiLogPath, LogPath, requireHashTile } from './log-path.js';

/** The log's hashes for verifiers (C2SP tlog-tiles), for auditors only. */
@ApiTags('audit-log')
@Controller('v1/audit/log')
export class LogController {
  constructor(
    private readonly auditLog: AuditLogService,
    private readonly logKeys: LogKeys,
  ) {}

  @Get('checkpoint')
  @Endpoint({ permission: 'AuditLog.Read.All', ...checkpointEndpoint('private') })
  async checkpoint(@CurrentCall() call: CurrentCall): Promise<string> {
    return (await this.auditLog.checkpoint(call)).checkpoint;
  }

  @Get('checkpoint/witnessed')
  @Endpoint({ permission: 'AuditLog.Read.All', ...witnessedCheckpointEndpoint('private') })
  async witnessedCheckpoint(@CurrentCall() call: CurrentCall): Promise<string> {
    return (await this.auditLog.witnessedCheckpoint(call)).checkpoint;
  }

  @Get('tile/*')
  @ApiLogPath()
  @Endpoint({ permission: 'AuditLog.Read.All', ...tileEndpoint('private') })
  async tile(@LogPath() path: string, @CurrentCall() call: CurrentCall): Promise<Buffer> {
    return this.auditLog.resource(call, requireHashTile(path));
  }

  @Get('keys')
  @Endpoint({ permission: 'AuditLog.Read.All', ...keysEndpoint('private') })
  async keys(): Promise<string> {
    return keyLines(await this.logKeys.lines());
  }
}
