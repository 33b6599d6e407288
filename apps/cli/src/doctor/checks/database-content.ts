import {
  type AuditSettings,
  CheckpointFileUnreadable,
  examineLog,
  LogDamaged,
  LogOriginDiffers,
  LogOriginUnfit,
  measureClock,
  measureNewestTime,
  newestTimeProblem,
  UnusableSigningKey,
} from '#libs/audit';
import {
  describeReferences,
  findUnconfiguredResources,
  missingMigrations,
  missingPrivileges,
  newerMigrations,
} from '#libs/composition';
import { type Clock, type Database, explain, type Logger, ServiceError } from '#libs/platform';
import type { SecretStore } from '#libs/secrets';
import { excessOf } from '../../actions/service-role.js';
import { clockFindings } from '../clock-finding.js';
import { type Finding, finding } from '../findings.js';
import { type Check, type CheckReport, skipped } from '../run-checks.js';
import type { ExaminedDatabase } from './database-connection.js';

const MAX_NAMED = 5;
const EXPIRES_SOON_DAYS = 30;

/** The role of the connection, and when its login ends if that is soon. */
const ROLE = `
  SELECT current_user AS role,
    (SELECT to_char(rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM pg_roles
     WHERE rolname = session_user AND rolvaliduntil < now() + $1::interval) AS "endsAt"`;

export interface DatabaseChecksOptions {
  readonly examined: ExaminedDatabase;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Absent where the settings of the log are not valid. */
  readonly audit: AuditSettings | undefined;
  readonly secrets: SecretStore | undefined;
  /** Why the log can not be examined. */
  readonly logObstacle: string | undefined;
  /** Names of the configured ACS resources; absent where their settings are not valid. */
  readonly resources: readonly string[] | undefined;
}

/** Schema, privileges, clock, log and mappings: each with its own queries, so that one does not hide another. */
export function databaseChecks(options: DatabaseChecksOptions): Check[] {
  const { examined, clock, audit } = options;
  const schema = Promise.withResolvers<boolean>();
  return [
    examined.check(),
    {
      name: 'schema',
      run: async (signal) => {
        signal.addEventListener('abort', () => {
          schema.resolve(false);
        });
        const report = await ifUsable(examined, async () => schemaReport(examined));
        schema.resolve(report.findings.length === 0 && !report.isSkipped);
        return report;
      },
    },
    {
      name: 'role',
      run: async () =>
        (await schema.promise) ? roleReport(examined) : skipped('the schema is not complete'),
    },
    {
      name: 'clock of the database',
      run: async () =>
        ifUsable(examined, async () => {
          if (!audit) return skipped('AUDIT_CLOCK_TOLERANCE_MS is not known');
          const measurement = await measureClock(examined.database, clock);
          return { findings: clockFindings('the database', measurement, audit.clockToleranceMs) };
        }),
    },
    {
      name: 'audit log',
      run: async () =>
        (await schema.promise) ? logReport(options) : skipped('the schema is not complete'),
    },
    {
      name: 'background checks',
      run: async () =>
        (await schema.promise)
          ? verificationReport(examined)
          : skipped('the schema is not complete'),
    },
    {
      name: 'acs resources of identities',
      run: async () =>
        (await schema.promise) ? resourcesReport(options) : skipped('the schema is not complete'),
    },
  ];
}

async function ifUsable(
  examined: ExaminedDatabase,
  work: () => Promise<CheckReport>,
): Promise<CheckReport> {
  return (await examined.isUsable()) ? work() : skipped('the database can not be used');
}

async function schemaReport({ database }: ExaminedDatabase): Promise<CheckReport> {
  try {
    const missing = await missingMigrations(database);
    if (missing.length === 0) return { findings: [], note: await schemaNote(database) };
    return { findings: [finding('schema-behind', 'schema', `missing: ${named(missing)}`)] };
  } catch (error) {
    const detail = explain(error);
    // Without the table of the migrations nothing was ever migrated.
    if (detail.includes('(42P01)'))
      return { findings: [finding('schema-behind', 'schema', 'no migration has run')] };
    if (detail.includes('(42501)'))
      return { findings: [finding('role-privilege-missing', 'schema_migration', 'SELECT')] };
    throw error;
  }
}

async function schemaNote(database: Database): Promise<string> {
  const newer = await newerMigrations(database);
  return newer.length === 0 ? 'up to date' : `of a newer release: ${named(newer)}`;
}

async function roleReport({ database }: ExaminedDatabase): Promise<CheckReport> {
  const [row] = await database.query<{ role: string; endsAt: string | null }>(ROLE, [
    `${EXPIRES_SOON_DAYS} days`,
  ]);
  const { role, endsAt } = row ?? { role: '', endsAt: null };
  const [missing, excess] = await Promise.all([
    missingPrivileges(database),
    excessOf(database, role),
  ]);
  const findings: Finding[] = [];
  if (endsAt !== null) findings.push(finding('role-expires', role, `its password ends: ${endsAt}`));
  if (missing.length > 0) findings.push(finding('role-privilege-missing', role, named(missing)));
  if (excess.length > 0) findings.push(finding('role-too-powerful', role, named(excess)));
  return { findings, note: `the role ${role}` };
}

async function logReport(options: DatabaseChecksOptions): Promise<CheckReport> {
  const { examined, audit, secrets, logger, logObstacle } = options;
  if (!audit || !secrets || logObstacle !== undefined)
    return skipped(logObstacle ?? 'its settings are not valid');
  const { database } = examined;
  try {
    await examineLog({ database, secrets, settings: audit, logger });
    const file =
      audit.checkpointFile === undefined
        ? 'without a checkpoint file'
        : 'as the checkpoint file says';
    const problem = newestTimeProblem(await measureNewestTime(database), audit.clockToleranceMs);
    return {
      findings: problem === undefined ? [] : [finding('log-ahead', audit.origin, problem)],
      note: file,
    };
  } catch (error) {
    // The check of the secrets reports it.
    const isAboutSecrets = error instanceof ServiceError && error.code.startsWith('secret');
    if (isAboutSecrets || error instanceof UnusableSigningKey)
      return skipped('the key of the log can not be read');
    // The check of the configuration reports it.
    if (error instanceof CheckpointFileUnreadable)
      return skipped('the checkpoint file can not be read');
    if (error instanceof LogOriginUnfit) return skipped('no log can begin under AUDIT_LOG_ORIGIN');
    if (error instanceof LogOriginDiffers) {
      const detail = `the log has the name ${error.origin}`;
      return { findings: [finding('log-origin-differs', audit.origin, detail)] };
    }
    if (!(error instanceof LogDamaged)) throw error;
    const isForeign = error.finding.includes('checkpoint file');
    const subject = isForeign ? (audit.checkpointFile ?? '') : audit.origin;
    const code = isForeign ? 'checkpoint-file-foreign' : 'log-damaged';
    return { findings: [finding(code, subject, error.finding)] };
  }
}

/** What the replicas found in the database while they verified it. */
async function verificationReport({ database }: ExaminedDatabase): Promise<CheckReport> {
  const parts = await database.query<{ part: string; count: number; first: string | null }>(
    // Anything may stand in the table, also what is no list.
    `SELECT part, CASE jsonb_typeof(findings) WHEN 'array' THEN jsonb_array_length(findings) ELSE 0 END AS count,
       findings -> 0 ->> 'detail' AS first
     FROM audit_verification ORDER BY part`,
  );
  const findings = parts
    .filter(({ count }) => count > 0)
    .map(({ part, count, first }) =>
      finding('verification-finding', part, `findings: ${count}; the first: ${first ?? ''}`),
    );
  return { findings, note: parts.length === 0 ? 'none has run yet' : `${parts.length} parts` };
}

async function resourcesReport({
  examined,
  resources,
}: DatabaseChecksOptions): Promise<CheckReport> {
  if (!resources) return skipped('its settings are not valid');
  const found = await findUnconfiguredResources(examined.database, resources)
    // The check of the role reports it.
    .catch(() => undefined);
  if (!found) return skipped('the tables can not be read');
  return {
    findings: found.map((one) =>
      finding('acs-resource-not-configured', one.resource, describeReferences(one)),
    ),
    note: 'all are configured',
  };
}

function named(items: readonly string[]): string {
  const rest = items.length - MAX_NAMED;
  const shown = items.slice(0, MAX_NAMED).join(', ');
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}
