import { Body, Controller, Get, Headers, Query, type StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import {
  CALLER_KINDS,
  IdentityExport,
  IdentityImport,
  MAPPING_STATUSES,
} from '#libs/identity-mapping';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import { HttpDrain } from '../http/http-drain.js';
import { type ImportOptions, importOptions } from './identity-requests.js';
import { BulkImport, ImportStreams } from '../workload/bulk-import.js';
import { ndjson, ndjsonResponse } from './ndjson-response.js';

const importLine = z.union([
  z.strictObject({
    line: z.int().min(1),
    outcome: z.enum(['created', 'unchanged', 'failed']),
    id: z.uuid().optional(),
    communicationUserId: z.string().optional(),
    error: z.strictObject({ code: z.string(), detail: z.string() }).optional(),
  }),
  z.strictObject({
    summary: z.strictObject({
      lines: z.int(),
      created: z.int(),
      unchanged: z.int(),
      failed: z.int(),
      isComplete: z.boolean(),
    }),
  }),
]);

const exportLine = z.strictObject({
  id: z.uuid(),
  tenant: z.string(),
  subject: z.string(),
  kind: z.enum(CALLER_KINDS),
  status: z.enum(MAPPING_STATUSES).exclude(['deleted']),
  resource: z.string(),
  communicationUserId: z.string().optional(),
  displayName: z.string().optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});

/** Mappings in bulk, as newline-delimited JSON in constant memory. */
@ApiTags('identities')
@Controller('v1/identities')
export class IdentityBulkController {
  constructor(
    private readonly imports: IdentityImport,
    private readonly exports: IdentityExport,
    private readonly streams: ImportStreams,
    private readonly drain: HttpDrain,
  ) {}

  @BulkImport({
    permission: 'CommunicationIdentity.ReadWrite.All',
    operationId: 'identities.import',
    summary: 'Imports identities, one a line, and answers with one result a line; safe to repeat',
    line: importLine,
  })
  async import(
    @Query({ schema: importOptions }) { provision, results }: ImportOptions,
    @Body() body: unknown,
    @Headers('content-length') length: string | undefined,
    @CurrentCall() call: CurrentCall,
  ): Promise<StreamableFile> {
    const answers = await this.imports.run({
      ...this.streams.read(body, length),
      tenant: call.actor.tenant,
      isProvisioning: provision === 'true',
      ...call,
    });
    return this.streams.respond(answers, results);
  }

  @Get('export')
  @Endpoint({
    permission: 'CommunicationIdentity.Read.All',
    workload: 'bulk',
    operationId: 'identities.export',
    summary: 'Exports all identities that are not deleted, in the format that an import accepts',
    responses: { 200: ndjson(exportLine) },
  })
  async export(@CurrentCall() call: CurrentCall): Promise<StreamableFile> {
    return ndjsonResponse(this.drain.streaming(await this.exports.run(call.actor.tenant, call)));
  }
}
