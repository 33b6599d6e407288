import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';

export interface SampleOptions {
  /** What `npm run build` made of `apps/sample/page`. */
  readonly folder: string;
  readonly port: number;
  /** Address to listen on. Default: those of `localhost`. */
  readonly host?: string | undefined;
  /** `config.json` of the page, as `apps/sample/page/config.ts` reads it. */
  readonly config: object;
  /** Origins that the page may call, beside its own. */
  readonly connectsTo: readonly string[];
}

export interface Sample {
  stop(): Promise<void>;
}

/** The files of the page, by path. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/main.js': ['main.js', 'text/javascript; charset=utf-8'],
  '/style.css': ['style.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
};

/**
 * Serves the sample page, by default on loopback, on both addresses of `localhost`.
 *
 * @throws Error with code `EADDRINUSE` when the port is in use
 */
export async function startSample(options: SampleOptions): Promise<Sample> {
  const listener = listenerOf(options);
  const { port, host } = options;
  const servers = [await listen(listener, port, host ?? '127.0.0.1')];
  const other =
    host === undefined &&
    (await listen(listener, port, '::1').catch((error: unknown) => {
      // A machine without IPv6 has no such address.
      if (!isAddressMissing(error)) throw error;
    }));
  if (other) servers.push(other);
  return {
    stop: async () => {
      await Promise.all(
        servers.map(async (server) => {
          const closed = once(server, 'close');
          server.close();
          server.closeAllConnections();
          await closed;
        }),
      );
    },
  };
}

function listenerOf({ folder, config, connectsTo }: SampleOptions): RequestListener {
  const headers = {
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self'",
      `connect-src 'self' ${connectsTo.join(' ')}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ].join('; '),
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache',
  };
  const contentOf = async (
    path: string,
  ): Promise<readonly [string, string | Buffer] | undefined> => {
    if (path === '/config.json') return ['application/json', JSON.stringify(config)];
    const [file, type] = FILES[path] ?? [];
    // Read anew each time: a build may replace it.
    return file === undefined || type === undefined
      ? undefined
      : [type, await readFile(join(folder, file))];
  };
  return ({ method, url = '/' }, response) => {
    const fail = (status: number, text: string): void => {
      response.writeHead(status, { ...headers, 'content-type': 'text/plain' }).end(`${text}\n`);
    };
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      fail(405, 'This is a page: GET only.');
      return;
    }
    contentOf(url.split('?', 1)[0] ?? '').then(
      (content) => {
        if (!content) fail(404, 'There is no such file.');
        else response.writeHead(200, { ...headers, 'content-type': content[0] }).end(content[1]);
      },
      () => {
        fail(500, 'The page is not built: npm run build');
      },
    );
  };
}

async function listen(listener: RequestListener, port: number, host: string): Promise<Server> {
  const server = createServer(listener).listen(port, host);
  await once(server, 'listening');
  return server;
}

function isAddressMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
}
