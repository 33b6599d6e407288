import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { openApiDocument } from './openapi-document.js';

const require = createRequire(import.meta.url);

/** Files of swagger-ui-dist that the page uses, with their media types. */
const SWAGGER_UI = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-16x16.png': 'image/png',
  'favicon-32x32.png': 'image/png',
} as const;

const START = `window.ui = SwaggerUIBundle({
  url: new URL('../openapi.json', document.currentScript.src).href,
  dom_id: '#swagger-ui',
  deepLinking: true,
});
`;

/**
 * Serves the OpenAPI description at `/openapi.json`, and Swagger UI over it at `/docs`, without authentication.
 * Each is made or read at its first request, and its bytes are kept: strangers can't take the time of issuing,
 * nor have a file opened for each request.
 */
export function serveDocumentation(app: NestFastifyApplication): void {
  const serve = (path: string, mediaType: string, read: () => string | Buffer): void => {
    let bytes: Buffer | undefined;
    app
      .getHttpAdapter()
      .getInstance()
      .get(path, (_request, reply) => {
        bytes ??= Buffer.from(read());
        void reply.type(mediaType).send(bytes);
      });
  };
  serve('/openapi.json', 'application/json; charset=utf-8', () =>
    JSON.stringify(openApiDocument(app)),
  );
  // Relative addresses, because a proxy may serve the api below a path.
  serve('/docs', 'text/html; charset=utf-8', () => page('docs/'));
  serve('/docs/', 'text/html; charset=utf-8', () => page(''));
  serve('/docs/swagger-ui-init.js', 'text/javascript; charset=utf-8', () => START);
  for (const [name, mediaType] of Object.entries(SWAGGER_UI)) {
    serve(`/docs/${name}`, mediaType, () => readFileSync(join(swaggerUiFolder(), name)));
  }
}

function page(folder: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Communication identity service</title>
    <link rel="stylesheet" href="${folder}swagger-ui.css">
    <link rel="icon" type="image/png" href="${folder}favicon-32x32.png" sizes="32x32">
    <link rel="icon" type="image/png" href="${folder}favicon-16x16.png" sizes="16x16">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="${folder}swagger-ui-bundle.js"></script>
    <script src="${folder}swagger-ui-init.js"></script>
  </body>
</html>
`;
}

function swaggerUiFolder(): string {
  return dirname(require.resolve('swagger-ui-dist/package.json'));
}
