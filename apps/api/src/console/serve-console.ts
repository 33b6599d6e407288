import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ConsoleProvider, ConsoleSettings } from '#libs/composition';
import { type ConsoleFile, readConsoleFiles } from './console-files.js';

/** Of the empty text: Fluent UI inserts an empty `<style>`, and fills it through the CSSOM. */
const EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";

/** What the pages of the console may not use. They copy links. */
const REFUSED_FEATURES = [
  ...['accelerometer', 'autoplay', 'camera', 'display-capture', 'encrypted-media', 'fullscreen'],
  ...['geolocation', 'gyroscope', 'magnetometer', 'microphone', 'midi', 'payment'],
  ...['picture-in-picture', 'publickey-credentials-get', 'screen-wake-lock', 'usb'],
  'xr-spatial-tracking',
];

/**
 * Serves the console at `/console/`, without authentication: its files are the same for everyone. What it
 * shows comes from the routes below `/v1`, with the token of the person who signed in.
 *
 * @throws Error when the console is not built
 */
export function serveConsole(server: FastifyInstance, { providers }: ConsoleSettings): void {
  const { byPath, build } = readConsoleFiles();
  const headers = securityHeaders(providers);
  const configuration = JSON.stringify({
    build,
    providers: providers.map(({ name, authority, clientId, scopes, identityScopes }) => ({
      ...{ name, authority, clientId, scopes, identityScopes },
    })),
  });
  server.get('/console', (_request, reply) => {
    void reply.redirect('/console/', 308);
  });
  server.get('/console/config.json', (_request, reply) => {
    void reply
      .headers({ ...headers, 'cache-control': 'no-store' })
      .type('application/json; charset=utf-8')
      .send(configuration);
  });
  for (const [path, file] of byPath)
    server.get(`/console/${path}`, (request, reply) => {
      void reply.headers(headers);
      send(file, request, reply);
    });
}

function securityHeaders(providers: readonly ConsoleProvider[]): Readonly<Record<string, string>> {
  const connects = providers.flatMap(({ authority, origins }) => [
    new URL(authority).origin,
    ...origins,
  ]);
  return {
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      `style-src 'self' ${EMPTY_STYLE}`,
      `connect-src ${["'self'", ...new Set(connects)].join(' ')}`,
      "img-src 'self' data:",
      "font-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ].join('; '),
    'permissions-policy': [
      ...REFUSED_FEATURES.map((feature) => `${feature}=()`),
      'clipboard-write=(self)',
    ].join(', '),
  };
}

function send(file: ConsoleFile, { headers }: FastifyRequest, reply: FastifyReply): void {
  void reply.headers({
    'cache-control': file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag: file.etag,
    vary: 'accept-encoding',
  });
  if (headers['if-none-match']?.includes(file.etag) === true) {
    void reply.code(304).send();
    return;
  }
  const accepted = [headers['accept-encoding'] ?? ''].join().split(/\s*,\s*/);
  const found = file.encoded.find(([encoding]) => accepted.includes(encoding));
  if (found) void reply.header('content-encoding', found[0]);
  void reply.type(file.mediaType).send(found ? found[1] : file.content);
}
