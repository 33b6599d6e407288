import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  ADVANCED,
  defineSettings,
  errorCode,
  integer,
  InvalidYamlFile,
  readYamlFile,
  refuseNamedPipe,
  type SettingsOf,
} from '#libs/platform';
import { type CredentialReference, credentialReference } from './config/sink-options.js';
import { MAX_SINKS_BYTES, type SinkOptions, sinksDocument } from './config/sinks-document.js';

/** Where the entries of the log are delivered to. */
export const auditDeliverySettings = defineSettings(
  'audit-delivery',
  z
    .object({
      AUDIT_SINKS_FILE: sinksFile()
        .optional()
        .describe(
          'YAML or JSON file of the sinks to which the audit log is delivered; docs/delivery.md describes it',
        ),
      AUDIT_SINKS_POLL_MS: integer(100, 60_000)
        .prefault('1000')
        .describe('milliseconds between two looks at the log for entries to deliver, 100 to 60000')
        .meta(ADVANCED),
    })
    // Credentials of sinks may be in variables that the file names.
    .catchall(z.string())
    .superRefine(({ AUDIT_SINKS_FILE: sinks = [], ...variables }, context) => {
      for (const { name, environment, file } of referencesOf(sinks)) {
        const fault =
          environment === undefined ? faultOfFile(file) : faultOf(variables, environment);
        if (fault === undefined) continue;
        context.addIssue({
          code: 'custom',
          path: ['AUDIT_SINKS_FILE'],
          message: `${name}: ${fault}`,
        });
      }
    }),
  ({ AUDIT_SINKS_FILE: sinks = [], AUDIT_SINKS_POLL_MS: pollMs, ...variables }) => ({
    sinks,
    pollMs,
    /** The variables that hold credentials. */
    environment: Object.fromEntries(
      referencesOf(sinks).flatMap(({ environment }) =>
        environment === undefined ? [] : [[environment, otherVariable(variables, environment)]],
      ),
    ),
  }),
);

export type AuditDeliverySettings = SettingsOf<typeof auditDeliverySettings>;

/** The path of a file of sinks, read and validated. */
function sinksFile(): z.ZodType<readonly SinkOptions[], string> {
  return z.string().transform((path, context) => {
    try {
      return readYamlFile(readFileSync(path), sinksDocument, MAX_SINKS_BYTES).sinks;
    } catch (error) {
      const faults =
        error instanceof InvalidYamlFile
          ? error.faults
          : [`can not be read (${errorCode(error) ?? 'unknown error'})`];
      for (const fault of faults) context.addIssue(fault);
      return z.NEVER;
    }
  });
}

/** Every reference to a credential in the options of the sinks, with the name of the sink. */
function referencesOf(
  sinks: readonly SinkOptions[],
): readonly (CredentialReference & { readonly name: string })[] {
  return sinks.flatMap(({ name, ...options }) =>
    Object.values(options)
      .flat()
      .flatMap((value) => {
        const reference = credentialReference.safeParse(value);
        return reference.success ? [{ ...reference.data, name }] : [];
      }),
  );
}

/** A variable that no setting declares. */
function otherVariable(variables: Readonly<Record<string, unknown>>, name: string): string {
  const value = variables[name];
  return typeof value === 'string' ? value : '';
}

function faultOf(variables: Readonly<Record<string, unknown>>, name: string): string | undefined {
  return name in variables ? undefined : `the environment variable ${name} is not set`;
}

function faultOfFile(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    refuseNamedPipe(path);
    readFileSync(path);
    return undefined;
  } catch (error) {
    return `the file of its credential can not be read (${errorCode(error) ?? 'unknown error'})`;
  }
}
