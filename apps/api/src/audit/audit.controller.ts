import { Body, Controller, Get, Param, Post, Query, type StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { AuditLogService, EXPORT_FORMATS } from '#libs/audit';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint, TEXT } from '../http/endpoint.js';
import {
  entryQuery,
  entrySearchBody,
  type EntrySearchBody,
  type EntrySearchQuery,
  toRequestedPage,
} from './entry-query.js';
import { entryPage, type EntryPageResponse, toEntryPage } from './entry-response.js';
import { logIndex, placeAmong } from './query-fields.js';
import { HttpDrain } from '../http/http-drain.js';
import { InvalidRequest } from '../http/request-errors.js';
import { NDJSON } from '../identities/ndjson-body-parser.js';
import { entryStream, exportContent, exportQuery, type ExportRequest } from './entry-stream.js';
import {
  erasureRequest,
  type ErasureRequest,
  erasureResponse,
  type ErasureResponse,
  toErasure,
} from './erasure.js';
import {
  followContent,
  followLines,
  followQuery,
  type FollowRequest,
  MAX_FOLLOW_MS,
} from './follow.js';
import {
  statisticsQuery,
  type StatisticsRequest,
  statisticsResponse,
  type StatisticsResponse,
  toStatistics,
  toStatisticsQuery,
} from './statistics.js';
import {
  toTrace,
  toTraced,
  type TraceRequest,
  traceRequest,
  traceResponse,
  type TraceResponse,
} from './trace.js';
import {
  entryParts,
  type EntryPartsQuery,
  toEntryParts,
  toWholeEntry,
  wholeEntry,
  type WholeEntryResponse,
} from './whole-entry.js';

const entryId = z.uuid('must be the UUID of an entry').toLowerCase();
const entryIndex = logIndex();
const VISIBLE_ENTRIES =
  'Auditors of other tenants than the home tenant see the entries of their own tenant.';

/** Reading the audit log, and erasing personal data stored beside it. */
@ApiTags('audit')
@Controller('v1/audit')
export class AuditController {
  constructor(
    private readonly auditLog: AuditLogService,
    private readonly drain: HttpDrain,
  ) {}

  @Get('entries')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    workload: 'reading',
    summary: 'Searches the log, newest entries first unless `order` is ascending',
    description: `${VISIBLE_ENTRIES} Filters by personal values are better sent in a body: \`POST /v1/audit/entries/search\`.`,
    responses: { 200: entryPage },
  })
  async search(
    @Query({ schema: entryQuery }) query: EntrySearchQuery,
    @CurrentCall() call: CurrentCall,
  ): Promise<EntryPageResponse> {
    return this.#page(call, query);
  }

  @Post('entries/search')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    changesState: false,
    workload: 'reading',
    summary: 'Searches the log with filters that no request line and no log of a proxy has',
    description: VISIBLE_ENTRIES,
    responses: { 200: entryPage },
    problems: [413, 415],
  })
  async searchByBody(
    @Body({ schema: entrySearchBody }) query: EntrySearchBody,
    @CurrentCall() call: CurrentCall,
  ): Promise<EntryPageResponse> {
    return this.#page(call, query);
  }

  @Get('entries/at/:index')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    workload: 'reading',
    summary: 'Returns the entry with an index, also a damaged one',
    responses: { 200: wholeEntry },
    problems: [404],
  })
  async entryAt(
    @Param('index', { schema: entryIndex }) index: number,
    @Query({ schema: entryParts }) parts: EntryPartsQuery,
    @CurrentCall() call: CurrentCall,
  ): Promise<WholeEntryResponse> {
    return toWholeEntry(await this.auditLog.entry(call, index, toEntryParts(parts)));
  }

  @Get('entries/:id')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    workload: 'reading',
    summary: 'Returns one entry, with the bytes that its proof covers',
    responses: { 200: wholeEntry },
    problems: [404],
  })
  async entry(
    @Param('id', { schema: entryId }) id: string,
    @Query({ schema: entryParts }) parts: EntryPartsQuery,
    @CurrentCall() call: CurrentCall,
  ): Promise<WholeEntryResponse> {
    return toWholeEntry(await this.auditLog.entry(call, id, toEntryParts(parts)));
  }

  @Get('entries/:id/proof')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    workload: 'reading',
    summary:
      'Returns the proof that the log contains an entry, verifiable with the log’s public key',
    description: 'A `.tlog-proof` file of C2SP: index, hashes and the newest checkpoint.',
    responses: { 200: TEXT },
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
    workload: 'reading',
    summary: 'Counts the entries that match by time; home tenant only',
    description:
      'At most 2000 buckets. Counts without a filter by action, outcome, reasonCode, actorTenant or clientApp are stored; others read the entries, as many as fit in a few seconds: see `countedThrough`.',
    responses: { 200: statisticsResponse },
  })
  async statistics(
    @Query({ schema: statisticsQuery }) query: StatisticsRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<StatisticsResponse> {
    await this.#requireKnownReasons(call, query);
    return toStatistics(await this.auditLog.statistics(call, toStatisticsQuery(query)));
  }

  @Get('export')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    workload: 'bulk',
    summary:
      'Streams the entries that match by index, up to the newest one when the export started',
    description:
      'A body without its last chunk is incomplete: continue with `fromIndex`, one more than the last index received. Every format contains the index of each entry. Every entry arrives at least once.',
    responses: { 200: exportContent },
  })
  async export(
    @Query({ schema: exportQuery }) query: ExportRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<StreamableFile> {
    await this.#requireKnownReasons(call, query);
    return entryStream(
      this.drain.streaming(this.auditLog.export(call, query)),
      EXPORT_FORMATS[query.format].mediaType,
      call.request.signal,
    );
  }

  @Get('follow')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    workload: 'following',
    summary: 'Streams the entries that match as they are recorded, for at most ten minutes',
    description: `${VISIBLE_ENTRIES} Entries come in the order of their indexes. A line \`{"afterIndex":…}\` follows them, and comes at least every 17 seconds: continue there when the stream has ended.`,
    responses: { 200: followContent },
  })
  async follow(
    @Query({ schema: followQuery }) { afterIndex: after, ...filter }: FollowRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<StreamableFile> {
    await this.#requireKnownReasons(call, filter);
    const ends = [this.drain.streamSignal, AbortSignal.timeout(MAX_FOLLOW_MS)];
    const hungUp = call.request.signal;
    const signal = AbortSignal.any(hungUp ? [hungUp, ...ends] : ends);
    const pages = this.auditLog.follow(call, filter, { after, signal });
    return entryStream(followLines(this.drain.streaming(pages)), NDJSON, hungUp);
  }

  @Post('trace')
  @Endpoint({
    permission: 'AuditLog.Read.All',
    workload: 'reading',
    summary: 'Finds the issuance of a leaked token; home tenant only',
    description: 'Former fingerprint keys are tried too.',
    responses: { 200: traceResponse },
    problems: [413, 415],
  })
  async trace(
    @Body({ schema: traceRequest }) traced: TraceRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<TraceResponse> {
    return toTrace(await this.auditLog.trace(call, toTraced(traced)), call.actor);
  }

  @Post('erase')
  @Endpoint({
    permission: 'AuditLog.Erase.All',
    workload: 'bulk',
    summary: 'Permanently erases a person’s addresses, user agents and names; home tenant only',
    description:
      'These values are stored beside the log: entries, hashes and proofs don’t change. Safe to repeat.',
    responses: { 200: erasureResponse },
    problems: [404, 413, 415],
  })
  async erase(
    @Body({ schema: erasureRequest }) person: ErasureRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<ErasureResponse> {
    return toErasure(await this.auditLog.erase(call, person));
  }

  async #page(
    call: CurrentCall,
    requested: EntrySearchQuery | EntrySearchBody,
  ): Promise<EntryPageResponse> {
    await this.#requireKnownReasons(call, requested);
    const { query, around } = toRequestedPage(requested);
    return toEntryPage(
      around === undefined
        ? await this.auditLog.search(call, query)
        : await this.auditLog.searchAround(call, query, around),
    );
  }

  /** So that an empty page means that there is no such entry, and not that the code is misspelt. */
  async #requireKnownReasons(
    call: CurrentCall,
    { reasonCode = [] }: { readonly reasonCode?: readonly string[] | undefined },
  ): Promise<void> {
    const unknown = await this.auditLog.unknownReasonCodes(call, reasonCode);
    if (unknown.length === 0) return;
    const errors = reasonCode.flatMap((code, place) => {
      const pointer = ['', 'reasonCode', ...placeAmong(reasonCode, place)].join('/');
      return unknown.includes(code) ? [{ pointer, detail: 'has the code of no reason' }] : [];
    });
    throw new InvalidRequest(errors);
  }
}
