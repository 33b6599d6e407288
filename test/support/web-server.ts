import { createServer } from 'node:http';
import { afterAll, beforeAll } from 'vitest';

/** What a page server answers, by path. */
export type WebFiles = Readonly<Record<string, () => WebFile>>;

interface WebFile {
  readonly type: string;
  readonly body: string | Buffer;
}

/**
 * Serves files on an origin of its own before the specs of a file, and until they have ended.
 *
 * @returns a function that returns the origin, such as `http://localhost:41234`
 */
export function runningWebServer(files: WebFiles): () => string {
  let origin: string | undefined;
  const server = createServer(({ url = '/' }, response) => {
    const file = files[url.split('?', 1)[0] ?? '']?.();
    response.writeHead(file ? 200 : 404, file && { 'content-type': file.type }).end(file?.body);
  });
  beforeAll(async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    server.listen(0, 'localhost', () => {
      resolve(undefined);
    });
    await promise;
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port is bound');
    origin = `http://localhost:${address.port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return () => {
    if (origin === undefined) throw new Error('the web server has not been started');
    return origin;
  };
}
