import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { LogKeys, LogReader } from '#libs/audit';
import { Endpoint } from '../http/endpoint.js';
import {
  checkpointEndpoint,
  keyLines,
  keysEndpoint,
  tileEndpoint,
  witnessedCheckpointEndpoint,
} from './log-endpoints.js';
import { ApiLogPath, LogPath, requireHashTile } from './log-path.js';

/**
 * The log's hashes for verifiers (C2SP tlog-tiles), for auditors of every tenant: a proof of an entry, which
 * they may have, has size and root too.
 */
@ApiTags('audit-log')
@Controller('v1/audit/log')
export class LogController {
  constructor(
    private readonly log: LogReader,
    private readonly logKeys: LogKeys,
  ) {}

  @Get('checkpoint')
  @Endpoint({ permission: 'AuditLog.Read.All', ...checkpointEndpoint('private') })
  async checkpoint(): Promise<string> {
    return (await this.log.checkpoint()).checkpoint;
  }

  @Get('checkpoint/witnessed')
  @Endpoint({ permission: 'AuditLog.Read.All', ...witnessedCheckpointEndpoint('private') })
  async witnessedCheckpoint(): Promise<string> {
    return (await this.log.witnessedCheckpoint()).checkpoint;
  }

  @Get('tile/*')
  @ApiLogPath()
  @Endpoint({ permission: 'AuditLog.Read.All', ...tileEndpoint('private') })
  async tile(@LogPath() path: string): Promise<Buffer> {
    return this.log.resource(requireHashTile(path));
  }

  @Get('keys')
  @Endpoint({ permission: 'AuditLog.Read.All', ...keysEndpoint('private') })
  async keys(): Promise<string> {
    return keyLines(await this.logKeys.lines());
  }
}
