import { createServer, type RequestListener } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { assertEveryRouteDeclaresAccess } from '#libs/authentication';
import {
  type ConsoleSettings,
  consoleSettings,
  type Environment,
  httpSettings,
  type HttpSettings,
} from '#libs/composition';
import { Logger, Sweeps } from '#libs/platform';
import { ApiModule, type ApiOptions } from './api.module.js';
import { serveConsole } from './console/serve-console.js';
import { CrossOriginRequests } from './http/cross-origin-requests.js';
import { browserAccessOf } from './http/open-to-browsers.js';
import { MAX_BODY_BYTES } from './http/request-errors.js';
import { HttpDrain } from './http/http-drain.js';
import { NestLogger } from './http/nest-logger.js';
import { HttpBoundary } from './http/http-boundary.js';
import { useStrictJsonBodies } from './http/json-body-parser.js';
import { listenOnEveryAddress } from './http/listen-on-every-address.js';
import { TimerCalls } from './http/timer-calls.js';
import { refuseOtherBodies } from './http/unread-body.js';
import { serveDocumentation } from './operations/serve-documentation.js';
import { stopOnSignals } from './stop-on-signals.js';
import { inPieces } from './workload/json-pieces.js';

/** A client has sent the headers of its request by then. */
const HEADERS_TIMEOUT_MS = 10_000;
/**
 * Longer than load balancers keep an idle connection (60 s by default at nginx and AWS): who closes first loses
 * no request. Those that keep one longer have to be set.
 */
const KEEP_ALIVE_MS = 75_000;

/**
 * Of the request line and the headers together. A platform with built-in authentication adds the caller,
 * its cookies and, with a token store, its tokens.
 */
const MAX_HEADER_BYTES = 16_384;
const MAX_HEADER_BYTES_OF_PLATFORM = 65_536;

/** Ends the requests before Nest calls the first shutdown hook, and sends long lists piece by piece. */
class ApiAdapter extends FastifyAdapter {
  drain: (() => Promise<void>) | undefined;

  override reply(
    response: Parameters<FastifyAdapter['reply']>[0],
    body: unknown,
    status?: number,
  ): ReturnType<FastifyAdapter['reply']> {
    return super.reply(response, inPieces(body), status);
  }

  // oxlint-disable-next-line typescript/no-misused-promises -- Nest awaits it, although its type does not say so
  override async beforeClose(): Promise<void> {
    await this.drain?.();
  }
}

/**
 * Puts the HTTP service together; it does not listen yet.
 *
 * @param options.replace adapters or providers that take the place of the default ones
 * @param options.modules modules of the host, with routes of their own
 * @throws InvalidReplacement when they do not fit the service's ports
 * @throws InvalidSettings listing every fault of the environment
 * @throws when a route declares no access rule, or more than one, or is open to browsers by mistake
 */
export async function createApi(
  environment: Environment,
  options?: ApiOptions,
): Promise<NestFastifyApplication> {
  // Needed before the settings are read, and checked with them.
  const { AUTHENTICATION_MODE: mode = 'bearer' } = environment;
  const maxHeaderSize = mode === 'bearer' ? MAX_HEADER_BYTES : MAX_HEADER_BYTES_OF_PLATFORM;
  const adapter = new ApiAdapter({
    bodyLimit: MAX_BODY_BYTES,
    clientErrorHandler: () => undefined, // the boundary has the listener
    forceCloseConnections: 'idle',
    frameworkErrors: ({ code }: FastifyError, _request: FastifyRequest, reply: FastifyReply) => {
      app.get(HttpBoundary).refuseUnroutable(code, reply);
    },
    // The boundary answers late requests and those without a Host header, in the shape of all others.
    return503OnClosing: false,
    serverFactory: (handler: RequestListener) =>
      createServer(
        {
          maxHeaderSize,
          requireHostHeader: false,
          // Imports may take long. Without a limit for the headers, Node takes that of the request.
          requestTimeout: 0,
          headersTimeout: HEADERS_TIMEOUT_MS,
          keepAliveTimeout: KEEP_ALIVE_MS,
          connectionsCheckingInterval: HEADERS_TIMEOUT_MS / 2,
        },
        handler,
      ),
    routerOptions: { maxParamLength: 512 },
  });
  const app: NestFastifyApplication = await NestFactory.create<NestFastifyApplication>(
    ApiModule.forRoot(environment, options),
    adapter,
    {
      bodyParser: false,
      // What goes wrong while the parts are put together comes out as the error that is thrown.
      logger: false,
      abortOnError: false,
    },
  );
  app.useLogger(new NestLogger(app.get(Logger)));

  const server = adapter.getInstance();
  useStrictJsonBodies(server);
  refuseOtherBodies(server);
  const settings = app.get<HttpSettings>(httpSettings.key);
  app
    .get(HttpBoundary)
    .attach(
      server,
      new CrossOriginRequests(settings.allowedOrigins, browserAccessOf(app), app.get(Logger)),
      settings.isFunctionsHandler ? new TimerCalls(app.get(Sweeps), app.get(Logger)) : undefined,
      settings.slowClientTimeoutMs,
    );
  const console = app.get<ConsoleSettings>(consoleSettings.key);
  if (console.isEnabled) serveConsole(server, console);
  listenOnEveryAddress(server, settings.host, app.get(Logger));
  const drain = app.get(HttpDrain);
  drain.attach(server);
  adapter.drain = async () => drain.drain();
  const removeListeners = stopOnSignals({
    logger: app.get(Logger),
    requestsTimeoutMs: settings.shutdownDelayMs + settings.shutdownTimeoutMs,
    stop: async () => {
      await app.close();
      return drain.isComplete;
    },
  });
  // A process with several applications, as in tests, keeps no listeners of closed ones.
  server.addHook('onClose', (_instance, done) => {
    removeListeners();
    done();
  });

  assertEveryRouteDeclaresAccess(app);
  serveDocumentation(app);
  await app.init();
  await server.ready();
  return app;
}
