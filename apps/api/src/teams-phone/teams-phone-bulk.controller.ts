import { Body, Controller, Get, Headers, Query, type StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import {
  AssignmentExport,
  type AssignmentExportLine,
  AssignmentImport,
  EXPORTED_STATUSES,
} from '#libs/teams-phone';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import { HttpDrain } from '../http/http-drain.js';
import { importOptions } from '../identities/identity-requests.js';
import { ndjson, ndjsonResponse } from '../identities/ndjson-response.js';
import { BulkImport, ImportStreams } from '../workload/bulk-import.js';
import { assignmentResponse, tenantOf } from './assignment-messages.js';

const assignmentImportOptions = importOptions.pick({ results: true });
type AssignmentImportOptions = z.output<typeof assignmentImportOptions>;

const importLine = z.union([
  z.strictObject({
    line: z.int().min(1),
    outcome: z.enum(['created', 'replaced', 'unchanged', 'failed']),
    // Lines about one that is deleted meanwhile have failed.
    status: assignmentResponse.shape.status.exclude(['deleting', 'deleted']).optional(),
    error: z.strictObject({ code: z.string(), detail: z.string() }).optional(),
  }),
  z.strictObject({
    summary: z.strictObject({
      lines: z.int(),
      created: z.int(),
      replaced: z.int(),
      unchanged: z.int(),
      failed: z.int(),
      isComplete: z.boolean(),
    }),
  }),
]);

const exportLine: z.ZodType<AssignmentExportLine> = assignmentResponse
  .omit({ deletedAt: true })
  .extend({ status: z.enum(EXPORTED_STATUSES) });

/** Assignments in bulk, as newline-delimited JSON in constant memory. */
@ApiTags('teams-phone')
@Controller('v1/teams-phone/assignments')
export class TeamsPhoneBulkController {
  constructor(
    private readonly imports: AssignmentImport,
    private readonly exports: AssignmentExport,
    private readonly streams: ImportStreams,
    private readonly drain: HttpDrain,
  ) {}

  @BulkImport({
    permission: 'TeamsPhoneAssignment.ReadWrite.All',
    operationId: 'teamsPhone.import',
    summary:
      'Imports Teams Phone assignments, one a line, and answers with one result a line; safe to repeat',
    line: importLine,
  })
  async import(
    @Query({ schema: assignmentImportOptions }) { results }: AssignmentImportOptions,
    @Body() body: unknown,
    @Headers('content-length') length: string | undefined,
    @CurrentCall() call: CurrentCall,
  ): Promise<StreamableFile> {
    const answers = await this.imports.run({
      ...this.streams.read(body, length),
      tenant: tenantOf(call),
      ...call,
    });
    return this.streams.respond(answers, results);
  }

  @Get('export')
  @Endpoint({
    permission: 'TeamsPhoneAssignment.Read.All',
    workload: 'bulk',
    operationId: 'teamsPhone.export',
    summary:
      'Exports all Teams Phone assignments that are neither deleted nor to be deleted, in the format that an import accepts',
    responses: { 200: ndjson(exportLine) },
  })
  async export(@CurrentCall() call: CurrentCall): Promise<StreamableFile> {
    return ndjsonResponse(this.drain.streaming(await this.exports.run(tenantOf(call), call)));
  }
}
