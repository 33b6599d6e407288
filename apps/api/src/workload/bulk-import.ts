import { Readable } from 'node:stream';
import { applyDecorators, Inject, Injectable, Post, type StreamableFile } from '@nestjs/common';
import { ApiBody, ApiConsumes } from '@nestjs/swagger';
import type { z } from 'zod';
import type { Permission } from '#libs/authentication';
import { httpSettings, type HttpSettings } from '#libs/composition';
import type { StreamLimits } from '#libs/platform';
import { Endpoint } from '../http/endpoint.js';
import { HttpDrain } from '../http/http-drain.js';
import {
  ImportTooLarge,
  MAX_IMPORT_BYTES,
  MAX_IMPORT_LINES,
  UnsupportedImportType,
} from '../http/request-errors.js';
import { NDJSON } from '../identities/ndjson-body-parser.js';
import { ndjson, ndjsonResponse } from '../identities/ndjson-response.js';
import { readBody } from './slow-client.js';

/** A route `import`, which reads newline-delimited JSON and answers with a result a line. @param line of the answer */
export function BulkImport({
  line,
  ...route
}: {
  readonly permission: Permission;
  readonly operationId: string;
  readonly summary: string;
  readonly line: z.ZodType;
}): MethodDecorator {
  return applyDecorators(
    Post('import'),
    ApiConsumes(NDJSON),
    ApiBody({ description: 'One JSON object a line.', schema: { type: 'string' } }),
    Endpoint({
      ...route,
      workload: 'bulk',
      responses: { 200: ndjson(line) },
      problems: [413, 415],
    }),
  );
}

/** What the service of an import reads. */
interface ImportInput {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly limits: StreamLimits;
  readonly stopSignal: AbortSignal;
}

/** The bodies and the answers of imports, in constant memory. */
@Injectable()
export class ImportStreams {
  constructor(
    private readonly drain: HttpDrain,
    @Inject(httpSettings.key) private readonly settings: HttpSettings,
  ) {}

  /**
   * @param body as `NdjsonBodyParser` passes it
   * @param length the header `Content-Length`
   * @throws UnsupportedImportType
   * @throws ImportTooLarge
   */
  read(body: unknown, length: string | undefined): ImportInput {
    if (!(body instanceof Readable)) throw new UnsupportedImportType();
    if (Number(length ?? 0) > MAX_IMPORT_BYTES) throw new ImportTooLarge();
    return {
      chunks: readBody(body, this.settings.slowClientTimeoutMs),
      limits: { maxLines: MAX_IMPORT_LINES, maxBytes: MAX_IMPORT_BYTES },
      stopSignal: this.drain.streamSignal,
    };
  }

  respond<Line extends { readonly outcome: string }, Summary>(
    lines: AsyncGenerator<Line, Summary>,
    results: 'all' | 'failed',
  ): StreamableFile {
    return ndjsonResponse(
      this.drain.streaming(lines),
      ({ outcome }) => results === 'all' || outcome === 'failed',
    );
  }
}
