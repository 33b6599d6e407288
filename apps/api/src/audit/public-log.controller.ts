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

/** The routes of `LogController` without a token, when the operator has set AUDIT_LOG_PUBLIC. */
@ApiTags('audit-log')
@Controller('v1/audit/log')
export class PublicLogController {
  constructor(
    private readonly log: LogReader,
    private readonly logKeys: LogKeys,
  ) {}

  @Get('checkpoint')
  @Endpoint({
    publicBecause: 'AUDIT_LOG_PUBLIC: shows the number of entries and their root hash',
    ...checkpointEndpoint('public'),
  })
  async checkpoint(): Promise<string> {
    return (await this.log.checkpoint()).checkpoint;
  }

  @Get('checkpoint/witnessed')
  @Endpoint({
    publicBecause: 'AUDIT_LOG_PUBLIC: shows the number of entries and their root hash',
    ...witnessedCheckpointEndpoint('public'),
  })
  async witnessedCheckpoint(): Promise<string> {
    return (await this.log.witnessedCheckpoint()).checkpoint;
  }

  @Get('tile/*')
  @ApiLogPath()
  @Endpoint({
    publicBecause: 'AUDIT_LOG_PUBLIC: hashes of entries with random ids reveal nothing',
    ...tileEndpoint('public'),
  })
  async tile(@LogPath() path: string): Promise<Buffer> {
    return this.log.resource(requireHashTile(path));
  }

  @Get('keys')
  @Endpoint({ publicBecause: 'AUDIT_LOG_PUBLIC: public keys', ...keysEndpoint('public') })
  async keys(): Promise<string> {
    return keyLines(await this.logKeys.lines());
  }
}
