import { userInfo } from 'node:os';
import { NestFactory } from '@nestjs/core';
import { Option } from 'commander';
import { AuditLogService, type AuditReader, CheckpointSigners, LogRetention } from '#libs/audit';
import { auditPart, ServiceModule } from '#libs/composition';

/** The audit log as the service itself has it: with its keys, so that readings can be recorded. */
export interface AuditContext {
  readonly desk: AuditLogService;
  readonly retention: LogRetention;
  readonly signers: CheckpointSigners;
}

export interface ContextOptions {
  readonly databaseUrl: string;
  readonly operator: string;
}

/**
 * Opens the audit log, works with it and closes it. Reads the environment variables of the api.
 *
 * @throws InvalidSettings when they don't say where the keys are
 */
export async function withAuditLog<T>(
  { databaseUrl }: ContextOptions,
  work: (context: AuditContext) => Promise<T>,
): Promise<T> {
  const environment = {
    DATABASE_TIMEOUT_MS: '60000',
    ...process.env,
    DATABASE_URL: databaseUrl,
    // Standard output is for what was asked for; what goes wrong is thrown.
    LOG_LEVEL: 'silent',
  };
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest declares its options as a class and takes literals
  const app = await NestFactory.createApplicationContext(
    ServiceModule.forPart(auditPart, environment),
    {
      logger: false,
      abortOnError: false,
    },
  );
  try {
    return await work({
      desk: app.get(AuditLogService),
      retention: app.get(LogRetention),
      signers: app.get(CheckpointSigners),
    });
  } finally {
    await app.close();
  }
}

/** Who the log says that did it. */
export function operatorReader({ operator }: ContextOptions): AuditReader & {
  readonly actor: { readonly kind: 'operator'; readonly name: string };
} {
  return { actor: { kind: 'operator', name: operator } };
}

/** `--operator`: under which name the log records what a command does. */
export function operatorOption(): Option {
  return new Option('--operator <name>', 'name that the log records for who did this').default(
    userInfo().username,
    'the user of this machine',
  );
}

/** `--database-url`, of the role that the command needs. */
export function databaseOption(variable = 'DATABASE_URL', role = 'the service'): Option {
  return new Option('--database-url <url>', `PostgreSQL address with the role of ${role}`)
    .env(variable)
    .makeOptionMandatory();
}

/** What commands need that record what they do. */
export const contextHelp = `
What this does is itself recorded in the log. So it takes the api's environment variables that say
where the keys are: KEY_VAULT_URL, AZURE_CREDENTIAL and AUDIT_LOG_ORIGIN (acs-identity config list).`;
