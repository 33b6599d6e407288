import { isIP } from 'node:net';
import { z } from 'zod';
import { ADVANCED, defineSettings, type SettingsOf, integer, webOrigins } from '#libs/platform';

export const httpSettings = defineSettings(
  'http',
  z.object({
    PORT: integer(0, 65_535)
      .prefault('3000')
      .describe('TCP port that the api listens on, 0 for any free one'),
    HOST: z
      .string()
      .refine(isHost, 'must be a host name or an IP address')
      .default('localhost')
      .describe('address that the api listens on; 0.0.0.0 inside a container'),
    FUNCTIONS_CUSTOMHANDLER_PORT: integer(1, 65_535)
      .optional()
      .describe(
        'set by the host of Azure Functions: the api then listens on this port of 127.0.0.1, whatever PORT and HOST are, and leaves its sweeps to the timer function',
      )
      .meta(ADVANCED),
    ALLOWED_ORIGINS: webOrigins()
      .prefault('')
      .describe(
        'origins of the web pages that may call /v1/me and the routes of COMPATIBILITY, such as https://app.contoso.com, separated by commas; https, or http on localhost; none when empty',
      ),
    SHUTDOWN_TIMEOUT_MS: integer(1_000, 120_000)
      .prefault('15000')
      .describe('milliseconds that requests under way get to finish at shutdown, 1000 to 120000')
      .meta(ADVANCED),
    SHUTDOWN_DELAY_MS: integer(0, 60_000)
      .prefault('0')
      .describe(
        'milliseconds between “not ready” and the end of listening at shutdown, so that load balancers notice first, 0 to 60000',
      ),
    READING_PLACES: integer(1, 256)
      .prefault('4')
      .describe(
        'requests of one process that search, list or prove at the same time, 1 to 256; others wait briefly, then get 503',
      )
      .meta(ADVANCED),
    BULK_PLACES: integer(1, 64)
      .prefault('3')
      .describe(
        'imports, exports and erasures of personal data of one process at the same time, 1 to 64; others wait briefly, then get 503',
      )
      .meta(ADVANCED),
    FOLLOWING_PLACES: integer(1, 256)
      .prefault('10')
      .describe(
        'streams of new entries (GET /v1/audit/follow) of one process at the same time, 1 to 256; others get 503',
      )
      .meta(ADVANCED),
    SLOW_CLIENT_TIMEOUT_MS: integer(1_000, 600_000)
      .prefault('30000')
      .describe(
        'milliseconds in which a client has to take 16 KiB of an answer, or to send 16 KiB of an import, 1000 to 600000; otherwise its connection is closed',
      )
      .meta(ADVANCED),
  }),
  (variables) => ({
    port: variables.FUNCTIONS_CUSTOMHANDLER_PORT ?? variables.PORT,
    host: variables.FUNCTIONS_CUSTOMHANDLER_PORT === undefined ? variables.HOST : '127.0.0.1',
    /** Whether a host of Azure Functions has started the process, and is all that reaches it. */
    isFunctionsHandler: variables.FUNCTIONS_CUSTOMHANDLER_PORT !== undefined,
    allowedOrigins: variables.ALLOWED_ORIGINS,
    shutdownTimeoutMs: variables.SHUTDOWN_TIMEOUT_MS,
    shutdownDelayMs: variables.SHUTDOWN_DELAY_MS,
    readingPlaces: variables.READING_PLACES,
    bulkPlaces: variables.BULK_PLACES,
    followingPlaces: variables.FOLLOWING_PLACES,
    slowClientTimeoutMs: variables.SLOW_CLIENT_TIMEOUT_MS,
  }),
);

function isHost(text: string): boolean {
  return isIP(text) !== 0 || /^[\w.-]{1,253}$/.test(text);
}

export type HttpSettings = SettingsOf<typeof httpSettings>;
