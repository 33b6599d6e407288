import { z } from 'zod';
import { proxySettingsOf, proxyVariables } from '../outbound/proxy-variables.js';
import { defineSettings, type SettingsOf } from './settings.js';

/** The log level of the process, and its proxy. */
export const platformSettings = defineSettings(
  'platform',
  z
    .object({
      LOG_LEVEL: z
        .enum(['debug', 'info', 'warn', 'error', 'silent'], {
          error: 'must be debug, info, warn, error or silent',
        })
        .default('info')
        .describe('the least serious lines that are logged: debug, info, warn, error or silent'),
      ...proxyVariables,
    })
    // The endpoints of managed identities are no settings of this service.
    .catchall(z.string()),
  (variables) => ({ logLevel: variables.LOG_LEVEL, proxies: proxySettingsOf(variables) }),
);

export type PlatformSettings = SettingsOf<typeof platformSettings>;
