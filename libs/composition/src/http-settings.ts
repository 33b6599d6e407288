import { z } from 'zod';
import { defineSettings, type SettingsOf, integer } from '#libs/platform';

export const httpSettings = defineSettings(
  'http',
  z.object({
    PORT: integer(0, 65_535)
      .prefault('3000')
      .describe('TCP port that the api listens on, 0 for any free one'),
    HOST: z
      .string()
      .default('localhost')
      .describe('address that the api listens on; 0.0.0.0 inside a container'),
    SHUTDOWN_TIMEOUT_MS: integer(1_000, 120_000)
      .prefault('15000')
      .describe('milliseconds that requests under way get to finish at shutdown, 1000 to 120000'),
    SHUTDOWN_DELAY_MS: integer(0, 60_000)
      .prefault('0')
      .describe(
        'milliseconds between “not ready” and the end of listening at shutdown, so that load balancers notice first, 0 to 60000',
      ),
  }),
  (variables) => ({
    port: variables.PORT,
    host: variables.HOST,
    shutdownTimeoutMs: variables.SHUTDOWN_TIMEOUT_MS,
    shutdownDelayMs: variables.SHUTDOWN_DELAY_MS,
  }),
);

export type HttpSettings = SettingsOf<typeof httpSettings>;
