import { Body, Controller, Get, Param, Post, Query, type StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { AuditLogService } from '#libs/audit';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint, TEXT } from '../http/endpoint.js';
import { entryQuery, type EntrySearchQuery, toEntryQuery } from './entry-query.js';
import {
  entryPage,
  type EntryPageResponse,
  type ListedEntry,
  toEntryPage,
  toWholeEntry,
  wholeEntry,
} from './entry-response.js';
import { entryStream, exportContent, exportQuery, type ExportRequest } from './entry-stream.js';
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

/** What auditors read of the log, and what they erase beside it. */
@ApiTags('audit')
@Controller('v1/audit')
export class AuditController {
  constructor(private readonly auditLog: AuditLogService) {}

  @Get('entries')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    summary: 'Searches the log, newest entries first',
    description: 'Auditors of another tenant than the home tenant find their own tenant’s entries.',
    answers: { 200: entryPage },
  })
  async search(
    @Query({ schema: entryQuery }) query: EntrySearchQuery,
    @CurrentCall() call: CurrentCall,
  ): Promise<EntryPageResponse> {
    return toEntryPage(await this.auditLog.search(call, toEntryQuery(query)));
  }

  @Get('entries/:id')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    summary: 'Shows one entry, with the bytes that its proof is for',
    answers: { 200: wholeEntry },
    problems: [404],
  })
  async entry(
    @Param('id', { schema: entryId }) id: string,
    @CurrentCall() call: CurrentCall,
  ): Promise<ListedEntry> {
    return toWholeEntry(await this.auditLog.entry(call, id));
  }

  @Get('entries/:id/proof')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    summary: 'Proves that the log holds an entry, for anyone who has the log’s public key',
    description: 'A `.tlog-proof` file of C2SP: index, hashes and the newest checkpoint.',
    answers: { 200: TEXT },
    problems: [404],
  })
  async proof(
    @Param('id', { schema: entryId }) id: string,
    @CurrentCall() call: CurrentCall,
  ): Promise<string> {
    return this.auditLog.proof(call, id);
  }

  @Get('statistics')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    summary: 'Counts entries by time; for auditors of the home tenant',
    description: 'At most 2000 buckets of time.',
    answers: { 200: statisticsResponse },
  })
  async statistics(
    @Query({ schema: statisticsQuery }) query: StatisticsRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<StatisticsResponse> {
    return toStatistics(await this.auditLog.statistics(call, query));
  }

  @Get('export')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    summary: 'Streams entries in the order of their indexes, up to the newest at the start',
    description:
      'A body that ends without its last chunk is incomplete: ask again from one more than the last index that arrived. Each entry has its index in every format. Nothing is passed over; an entry may come twice.',
    answers: { 200: exportContent },
  })
  async export(
    @Query({ schema: exportQuery }) query: ExportRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<StreamableFile> {
    return entryStream(this.auditLog.export(call, query), query);
  }

  @Post('trace')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    summary: 'Finds out who got a leaked token; for auditors of the home tenant',
    description: 'Keys that fingerprints were once made with are tried as well.',
    answers: { 200: traceResponse },
    problems: [413, 415],
  })
  async trace(
    @Body({ schema: traceRequest }) tokenOrFingerprint: TraceRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<TraceResponse> {
    return toTrace(await this.auditLog.trace(call, tokenOrFingerprint));
  }

  @Post('erase')
  @Endpoint({
    permission: 'AuditLog.Erase.All',
    summary: 'Erases a person’s addresses, user agents and names beside the log, for good',
    description:
      'Entries, hashes and proofs stay as they are. Safe to repeat. Only from within the home tenant.',
    answers: { 200: erasureResponse },
    problems: [413, 415],
  })
  async erase(
    @Body({ schema: erasureRequest }) person: ErasureRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<ErasureResponse> {
    return toErasure(await this.auditLog.erase(call, person));
  }
}
