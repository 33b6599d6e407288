import { z } from 'zod';
import { defineSettings, type SettingsOf } from './settings.js';

/** The log level of the process. */
export const platformSettings = defineSettings(
  'platform',
  z.object({
    LOG_LEVEL: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'], {
        error: 'must be debug, info, warn, error or silent',
      })
      .default('info')
      .describe('the least serious lines that are logged: debug, info, warn, error or silent'),
  }),
  (variables) => ({ logLevel: variables.LOG_LEVEL }),
);

export type PlatformSettings = SettingsOf<typeof platformSettings>;
