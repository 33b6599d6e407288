import { Readable } from 'node:stream';
import {
  Controller,
  Get,
  Header,
  HttpCode,
  Post,
  Query,
  Req,
  StreamableFile,
} from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CurrentPrincipal, RequirePermission } from '#libs/authentication';
import { IdentityExport, IdentityImport } from '#libs/identity-mapping';
import type { Principal, RequestContext } from '#libs/platform';
import { AnswersWithLines } from './ndjson-responses-decorator.js';
import { type ImportOptions, importOptions } from './identity-requests.js';
import { AbortableRequest } from '../http/abortable-request.js';
import { NDJSON } from './ndjson-body-parser.js';
import { linesOf } from './ndjson-response.js';
import { UnsupportedImportType } from './import-errors.js';

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
  kind: z.string(),
  status: z.string(),
  resource: z.string(),
  communicationUserId: z.string().optional(),
  displayName: z.string().optional(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});

/** Many mappings at once, as newline-delimited JSON in constant memory. */
@ApiTags('identities')
@Controller('v1/identities')
export class IdentityBulkController {
  constructor(
    private readonly imports: IdentityImport,
    private readonly exports: IdentityExport,
  ) {}

  @Post('import')
  @RequirePermission('CommunicationIdentity.ReadWrite.All')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Imports identities line by line and answers line by line; safe to repeat',
  })
  @ApiConsumes(NDJSON)
  @ApiBody({ description: 'A stream of lines.', schema: { type: 'string' } })
  @AnswersWithLines(importLine, 400, 401, 403, 415, 503)
  async import(
    @Query({ schema: importOptions }) { provision, results }: ImportOptions,
    @Req() { body }: FastifyRequest,
    @CurrentPrincipal() actor: Principal,
    @AbortableRequest() request: RequestContext,
  ): Promise<StreamableFile> {
    if (!(body instanceof Readable)) throw new UnsupportedImportType();
    const answer = await this.imports.run({
      // Not destroyed when the import ends early: the answer goes out on the same connection.
      chunks: { [Symbol.asyncIterator]: () => body.iterator({ destroyOnReturn: false }) },
      tenant: actor.tenant,
      isProvisioning: provision === 'true',
      ...{ actor, request },
    });
    const lines = linesOf(answer, (result) => results === 'all' || result.outcome === 'failed');
    return new StreamableFile(Readable.from(lines, { objectMode: false }), { type: NDJSON });
  }

  @Get('export')
  @RequirePermission('CommunicationIdentity.Read.All')
  @Header('cache-control', 'no-store')
  @ApiOperation({
    summary: 'Exports all identities that are not deleted; an import takes the lines',
  })
  @AnswersWithLines(exportLine, 401, 403, 503)
  async export(
    @CurrentPrincipal() actor: Principal,
    @AbortableRequest() request: RequestContext,
  ): Promise<StreamableFile> {
    const lines = linesOf(await this.exports.run(actor.tenant, { actor, request }));
    return new StreamableFile(Readable.from(lines, { objectMode: false }), { type: NDJSON });
  }
}
