import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CheckpointSigners, LogReader } from '#libs/audit';
import { Public } from '#libs/authentication';
import { ApiFile } from '../http/api-responses.js';
import { CheckpointAnswer, KeysAnswer, TileAnswer } from './log-responses.js';
import { LogPath, requireHashTile } from './log-path.js';

/** The same addresses as `LogController`, where the operator opened them with AUDIT_LOG_PUBLIC. */
@ApiTags('audit log')
@Controller('v1/audit/log')
export class PublicLogController {
  constructor(
    private readonly log: LogReader,
    private readonly signers: CheckpointSigners,
  ) {}

  @Get('checkpoint')
  @Public('the operator opened it: it tells how many entries there are, and their common hash')
  @CheckpointAnswer('public')
  @ApiFile(['text/plain'], 503)
  async checkpoint(): Promise<string> {
    return (await this.log.checkpoint()).checkpoint;
  }

  @Get('tile/*')
  @Public('the operator opened it: hashes of entries that hold random ids tell nothing of them')
  @TileAnswer('public', 'A tile of the log’s hashes')
  @ApiFile(['application/octet-stream'], 404, 503)
  async tile(@LogPath() path: string): Promise<Buffer> {
    return this.log.resource(requireHashTile(path));
  }

  @Get('keys')
  @Public('the operator opened it: public keys')
  @KeysAnswer('public')
  @ApiFile(['text/plain'], 503)
  async keys(): Promise<string> {
    return (await this.signers.verifierKeys()).map((key) => `${key}\n`).join('');
  }
}
