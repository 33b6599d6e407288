import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Param,
  Post,
  Query,
  StreamableFile,
} from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { AuditLogService } from '#libs/audit';
import type { CallContext } from '#libs/platform';
import { RequirePermission } from '#libs/authentication';
import { ApiJson, ApiFile } from '../http/api-responses.js';
import { CurrentAuditor } from './current-auditor.js';
import { entryQuery, type EntrySearchQuery, toEntryQuery } from './entry-query.js';
import {
  entryPage,
  type EntryPageResponse,
  type ListedEntry,
  toEntryPage,
  toWholeEntry,
  wholeEntry,
} from './entry-response.js';
import { entryStream, exportMediaTypes, exportQuery, type ExportRequest } from './entry-stream.js';
import {
  erasureRequest,
  type ErasureRequest,
  erasureResponse,
  type ErasureResponse,
  toErasure,
} from './erasure.js';
import {
  statisticsQuery,
  type StatisticsRequest,
  statisticsResponse,
  type StatisticsResponse,
  toStatistics,
} from './statistics.js';
import {
  toTrace,
  type TraceRequest,
  traceRequest,
  traceResponse,
  type TraceResponse,
} from './trace.js';

const entryId = z.uuid('must be the UUID of an entry').toLowerCase();

/** What auditors ask of the log. */
@ApiTags('audit')
@Controller('v1/audit')
export class AuditController {
  constructor(private readonly desk: AuditLogService) {}

  @Get('entries')
  @RequirePermission('AuditLog.Read.All')
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Searches the log, newest entries first',
    description: 'Auditors of another tenant than the home tenant find their own tenant’s entries.',
  })
  @ApiJson(200, entryPage, 400, 401, 403, 429, 503)
  async search(
    @Query({ schema: entryQuery }) query: EntrySearchQuery,
    @CurrentAuditor() auditor: CallContext,
  ): Promise<EntryPageResponse> {
    return toEntryPage(await this.desk.search(auditor, toEntryQuery(query)));
  }

  @Get('entries/:id')
  @RequirePermission('AuditLog.Read.All')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Shows one entry, with the bytes that its proof is for' })
  @ApiJson(200, wholeEntry, 400, 401, 403, 404, 429, 503)
  async entry(
    @Param('id', { schema: entryId }) id: string,
    @CurrentAuditor() auditor: CallContext,
  ): Promise<ListedEntry> {
    return toWholeEntry(await this.desk.entry(auditor, id));
  }

  @Get('entries/:id/proof')
  @RequirePermission('AuditLog.Read.All')
  @Header('cache-control', 'no-store')
  @Header('content-type', 'text/plain; charset=utf-8')
  @ApiOperation({
    summary: 'Proves that the log holds an entry, for anyone who has the log’s public key',
    description: 'A `.tlog-proof` file of C2SP: index, hashes and the newest checkpoint.',
  })
  @ApiFile(['text/plain'], 400, 401, 403, 404, 429, 503)
  async proof(
    @Param('id', { schema: entryId }) id: string,
    @CurrentAuditor() auditor: CallContext,
  ): Promise<string> {
    return this.desk.proof(auditor, id);
  }

  @Get('statistics')
  @RequirePermission('AuditLog.Read.All')
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Counts entries by time; for auditors of the home tenant',
    description: `At most 2000 buckets of time.`,
  })
  @ApiJson(200, statisticsResponse, 400, 401, 403, 429, 503)
  async statistics(
    @Query({ schema: statisticsQuery }) query: StatisticsRequest,
    @CurrentAuditor() auditor: CallContext,
  ): Promise<StatisticsResponse> {
    return toStatistics(await this.desk.statistics(auditor, query));
  }

  @Get('export')
  @RequirePermission('AuditLog.Read.All')
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Streams entries in the order of their indexes, up to the newest at the start',
    description:
      'A body that ends without its last chunk is incomplete: ask again from one more than the last index that arrived. Each entry has its index in every format. Nothing is passed over; an entry may come twice.',
  })
  @ApiFile(exportMediaTypes, 400, 401, 403, 429, 503)
  async export(
    @Query({ schema: exportQuery }) query: ExportRequest,
    @CurrentAuditor() auditor: CallContext,
  ): Promise<StreamableFile> {
    return entryStream(this.desk.export(auditor, query), query);
  }

  @Post('trace')
  @RequirePermission('AuditLog.Read.All')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Finds out who got a leaked token; for auditors of the home tenant',
    description: 'Keys that fingerprints were once made with are tried as well.',
  })
  @ApiJson(200, traceResponse, 400, 401, 403, 413, 415, 429, 503)
  async trace(
    @Body({ schema: traceRequest }) what: TraceRequest,
    @CurrentAuditor() auditor: CallContext,
  ): Promise<TraceResponse> {
    return toTrace(await this.desk.trace(auditor, what));
  }

  @Post('erase')
  @RequirePermission('AuditLog.Erase.All')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Erases a person’s addresses, user agents and names beside the log, for good',
    description:
      'Entries, hashes and proofs stay as they are. Safe to repeat. Only from within the home tenant.',
  })
  @ApiJson(200, erasureResponse, 400, 401, 403, 413, 415, 429, 503)
  async erase(
    @Body({ schema: erasureRequest }) person: ErasureRequest,
    @CurrentAuditor() auditor: CallContext,
  ): Promise<ErasureResponse> {
    return toErasure(await this.desk.erase(auditor, person));
  }
}
