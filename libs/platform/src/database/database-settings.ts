import { z } from 'zod';
import { integer } from '../config/setting-fields.js';
import { ADVANCED, defineSettings, type SettingsOf } from '../config/settings.js';
import { InvalidDatabaseAddress, parseDatabaseAddress } from './database-address.js';

const postgresUrl = z.string().superRefine((text, context) => {
  try {
    parseDatabaseAddress(text);
  } catch (error) {
    if (!(error instanceof InvalidDatabaseAddress)) throw error;
    context.addIssue(error.message);
  }
});

/** How the process connects to PostgreSQL. */
export const databaseSettings = defineSettings(
  'database',
  z
    .object({
      DATABASE_URL: postgresUrl.describe(
        'PostgreSQL address of the role that the service works as, such as postgres://service:…@host:5432/identity?sslmode=verify-full',
      ),
      DATABASE_POOL_SIZE: integer(2, 32)
        .prefault('10')
        .describe(
          'connections that one process keeps at most, beside the one of the audit log; 2 to 32',
        ),
      DATABASE_READING_CONNECTIONS: integer(1, 16)
        .optional()
        .describe(
          'how many of DATABASE_POOL_SIZE reading and bulk work uses, 1 to 16; the others issue tokens; default: a quarter',
        )
        .meta(ADVANCED),
      DATABASE_TIMEOUT_MS: integer(100, 60_000)
        .prefault('8000')
        .describe('milliseconds until connecting, or a statement, is given up, 100 to 60000')
        .meta(ADVANCED),
    })
    .refine(
      ({ DATABASE_POOL_SIZE: all, DATABASE_READING_CONNECTIONS: reading }) =>
        reading === undefined || reading < all,
      {
        error: 'must be less than DATABASE_POOL_SIZE',
        path: ['DATABASE_READING_CONNECTIONS'],
      },
    ),
  ({
    DATABASE_URL: url,
    DATABASE_POOL_SIZE: connections,
    DATABASE_READING_CONNECTIONS: readingPoolSize = Math.max(1, Math.floor(connections / 4)),
    DATABASE_TIMEOUT_MS: timeoutMs,
  }) => ({ url, poolSize: connections - readingPoolSize, readingPoolSize, timeoutMs }),
);

export type DatabaseSettings = SettingsOf<typeof databaseSettings>;
