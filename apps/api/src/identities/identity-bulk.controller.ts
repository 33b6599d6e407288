import { Readable } from 'node:stream';
import { Controller, Get, Post, Query, Req, type StreamableFile } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { IdentityExport, IdentityImport } from '#libs/identity-mapping';
import { CurrentCall } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import { HttpDrain } from '../http/http-drain.js';
import { UnsupportedImportType } from '../http/request-errors.js';
import { type ImportOptions, importOptions } from './identity-requests.js';
import { NDJSON } from './ndjson-body-parser.js';
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
  kind: z.string(),
  status: z.string(),
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
    private readonly drain: HttpDrain,
  ) {}

  @Post('import')
  @ApiConsumes(NDJSON)
  @ApiBody({ description: 'One JSON object a line.', schema: { type: 'string' } })
  @Endpoint({
    permission: 'CommunicationIdentity.ReadWrite.All',
    operationId: 'identities.import',
    summary: 'Imports identities, one a line, and answers with one result a line; safe to repeat',
    responses: { 200: ndjson(importLine) },
    problems: [415],
  })
  async import(
    @Query({ schema: importOptions }) { provision, results }: ImportOptions,
    @Req() { body }: FastifyRequest,
    @CurrentCall() call: CurrentCall,
  ): Promise<StreamableFile> {
    if (!(body instanceof Readable)) throw new UnsupportedImportType();
    const answers = await this.imports.run({
      // Not destroyed when the import ends early: the response uses the same connection.
      chunks: { [Symbol.asyncIterator]: () => body.iterator({ destroyOnReturn: false }) },
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
    operationId: 'identities.export',
    summary: 'Exports all identities that are not deleted, in the format that an import accepts',
    responses: { 200: ndjson(exportLine) },
  })
  async export(@CurrentCall() call: CurrentCall): Promise<StreamableFile> {
    return ndjsonResponse(this.drain.streaming(await this.exports.run(call.actor.tenant, call)));
  }
}
