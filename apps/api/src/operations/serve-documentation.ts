import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { openApiDocument } from './openapi-document.js';

/**
 * Serves the OpenAPI description at `/openapi.json`, and a page over it at `/docs`, without authentication.
 * Both are made at the first request. The bytes are kept, so that strangers can't take the time of issuing.
 */
export function serveDocumentation(app: NestFastifyApplication): void {
  let document: OpenAPIObject | undefined;
  let bytes: Buffer | undefined;
  const built = (): OpenAPIObject => (document ??= openApiDocument(app));
  SwaggerModule.setup('docs', app, built, {
    raw: false,
    customSiteTitle: 'Communication identity service',
  });
  app
    .getHttpAdapter()
    .getInstance()
    .get('/openapi.json', (_request, reply) => {
      bytes ??= Buffer.from(JSON.stringify(built()));
      void reply.type('application/json; charset=utf-8').send(bytes);
    });
}
