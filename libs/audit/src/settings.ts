import {
  ADVANCED,
  canonicalName,
  defineSettings,
  integer,
  list,
  secretName,
  type SettingsOf,
  VERBATIM,
} from '#libs/platform';
import { z } from 'zod';

/** The longest `AUDIT_CLOCK_TOLERANCE_MS`: by which the clock of a replica that works may be off. */
export const MAX_CLOCK_TOLERANCE_MS = 60_000;

/**
 * How much later than by the clock of the database a row may say that it was created: by the clock of a
 * replica, whose difference is measured to a part of a round trip. In milliseconds.
 */
export const CREATED_AHEAD_MS = MAX_CLOCK_TOLERANCE_MS + 30_000;

/** How entries are recorded, signed and shown. */
export const auditSettings = defineSettings(
  'audit',
  z.object({
    AUDIT_LOG_ORIGIN: logName()
      .describe(
        'unique name of the log for its verifiers, like a web address without scheme: identity.example.com/audit',
      )
      .meta(VERBATIM),
    AUDIT_LOG_PREVIOUS_ORIGIN: logName()
      .optional()
      .describe(
        'name that the log has so far, to continue it under AUDIT_LOG_ORIGIN after a restore (docs/restoring.md); without it, a process with another name than that of the log records nothing',
      )
      .meta({ ...ADVANCED, ...VERBATIM }),
    AUDIT_SIGNING_KEY_SECRET: list()
      .transform((names) => [...names])
      .pipe(z.array(secretName()).min(1, 'must name at least one secret'))
      .prefault('audit-signing-key')
      .describe(
        'names of the secrets that hold the Ed25519 private keys (PKCS#8 PEM) that sign checkpoints; two while a key is being replaced',
      ),
    AUDIT_FINGERPRINT_KEY_SECRET: secretName()
      .default('audit-fingerprint-key')
      .describe('name of the secret that keys the fingerprints of tokens, 32 characters or more'),
    AUDIT_TIMEOUT_MS: integer(100, 60_000)
      .prefault('8000')
      .describe('milliseconds until recording is given up and the request refused, 100 to 60000')
      .meta(ADVANCED),
    AUDIT_QUEUE_LIMIT: integer(1, 1_000_000)
      .prefault('10000')
      .describe('entries that may wait in one process, 1 to 1000000; more are refused at once')
      .meta(ADVANCED),
    AUDIT_CLOCK_TOLERANCE_MS: integer(100, MAX_CLOCK_TOLERANCE_MS)
      .prefault('5000')
      .describe(
        'milliseconds that the clock of a process may differ from the clock of the database, 100 to 60000; beyond them it records nothing and is not ready',
      )
      .meta(ADVANCED),
    AUDIT_HOME_TENANT: z
      .string()
      .max(256, 'must have at most 256 characters')
      .transform(canonicalName)
      .optional()
      .describe(
        'tenant whose auditors see the whole log, ENTRA_TENANT_ID unless set; auditors of other tenants see the entries of their own',
      ),
    AUDIT_VERIFICATION_SECONDS: integer(0, 2_592_000)
      .prefault('86400')
      .describe(
        'seconds within which the background verification finds a change of any entry, mapping or count in the database, 10 to 2592000; 0 switches it off',
      )
      .refine((seconds) => seconds === 0 || seconds >= 10, 'must be 0, or 10 or more')
      .meta(ADVANCED),
    AUDIT_CHECKPOINT_FILE: z
      .string()
      .optional()
      .describe(
        'file outside the database that keeps the last checkpoint, so that a rollback is noticed',
      ),
  }),
  (variables) => ({
    origin: variables.AUDIT_LOG_ORIGIN,
    previousOrigin: variables.AUDIT_LOG_PREVIOUS_ORIGIN,
    signingKeySecrets: variables.AUDIT_SIGNING_KEY_SECRET,
    fingerprintKeySecret: variables.AUDIT_FINGERPRINT_KEY_SECRET,
    timeoutMs: variables.AUDIT_TIMEOUT_MS,
    queueLimit: variables.AUDIT_QUEUE_LIMIT,
    clockToleranceMs: variables.AUDIT_CLOCK_TOLERANCE_MS,
    homeTenant: variables.AUDIT_HOME_TENANT,
    verificationMs: variables.AUDIT_VERIFICATION_SECONDS * 1_000,
    checkpointFile: variables.AUDIT_CHECKPOINT_FILE,
  }),
);

/**
 * Whether a log may begin under a name, which can't be corrected later: host name and path, in ASCII.
 * Logs of earlier releases have others.
 */
export function isFitForNewLog(origin: string): boolean {
  return /^[a-z0-9.-]+(:\d{1,5})?(\/[\w.~-]+)*$/i.test(origin);
}

/** As the verifiers of signed notes have it (C2SP signed-note). */
function logName(): z.ZodType<string, string> {
  return z.string().regex(/^[^\s+]{1,200}$/, 'must be a name without blanks or plus signs');
}

export type AuditSettings = SettingsOf<typeof auditSettings>;
