import { z } from 'zod';
import { defineSettings, type SettingsOf, boolean } from '#libs/platform';

/** Whether the log's hashes are for everyone to see. */
export const auditLogSettings = defineSettings(
  'audit over HTTP',
  z.object({
    AUDIT_LOG_PUBLIC: boolean()
      .prefault('false')
      .describe(
        'whether anyone may read the log’s checkpoint, hash tiles and public keys without a token; entries always take AuditLog.Read.All',
      ),
  }),
  (variables) => ({ isPublic: variables.AUDIT_LOG_PUBLIC }),
);

export type AuditLogSettings = SettingsOf<typeof auditLogSettings>;
