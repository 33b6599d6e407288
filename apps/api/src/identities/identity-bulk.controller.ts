import { Readable } from 'node:stream';
import {
  Body,
  Controller,
  Get,
  Headers,
  Inject,
  Post,
  Query,
  type StreamableFile,
} from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { httpSettings, type HttpSettings } from '#libs/composition';
import {
  CALLER_KINDS,
  IdentityExport,
  IdentityImport,
  MAPPING_STATUSES,
} from '#libs/identity-mapping';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import { HttpDrain } from '../http/http-drain.js';
import {
  ImportTooLarge,
  MAX_IMPORT_BYTES,
  MAX_IMPORT_LINES,
  UnsupportedImportType,
} from '../http/request-errors.js';
import { type ImportOptions, importOptions } from './identity-requests.js';
import { NDJSON } from './ndjson-body-parser.js';
import { readBody } from '../workload/slow-client.js';
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

const IMPORT_LIMITS = { maxLines: MAX_IMPORT_LINES, maxBytes: MAX_IMPORT_BYTES };

/** Mappings in bulk, as newline-delimited JSON in constant memory. */
@ApiTags('identities')
@Controller('v1/identities')
export class IdentityBulkController {
  constructor(
    private readonly imports: IdentityImport,
    private readonly exports: IdentityExport,
    private readonly drain: HttpDrain,
    @Inject(httpSettings.key) private readonly settings: HttpSettings,
  ) {}

  @Post('import')
  @ApiConsumes(NDJSON)
  @ApiBody({ description: 'One JSON object a line.', schema: { type: 'string' } })
  @Endpoint({
    permission: 'CommunicationIdentity.ReadWrite.All',
    workload: 'bulk',
    operationId: 'identities.import',
    summary: 'Imports identities, one a line, and answers with one result a line; safe to repeat',
    responses: { 200: ndjson(importLine) },
    problems: [413, 415],
  })
  async import(
    @Query({ schema: importOptions }) { provision, results }: ImportOptions,
    @Body() body: unknown,
    @Headers('content-length') length: string | undefined,
    @CurrentCall() call: CurrentCall,
  ): Promise<StreamableFile> {
    if (!(body instanceof Readable)) throw new UnsupportedImportType();
    if (Number(length ?? 0) > IMPORT_LIMITS.maxBytes) throw new ImportTooLarge();
    const answers = await this.imports.run({
      chunks: readBody(body, this.settings.slowClientTimeoutMs),
      limits: IMPORT_LIMITS,
      tenant: call.actor.tenant,
      isProvisioning: provision === 'true',
      stopSignal: this.drain.streamSignal,
      ...call,
    });
    return ndjsonResponse(
      this.drain.streaming(answers),
      ({ outcome }) => results === 'all' || outcome === 'failed',
    );
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
