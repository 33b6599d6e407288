import { randomBytes } from 'node:crypto';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import {
  type Clock,
  Database,
  dataSourceOptions,
  ReadinessChecks,
  SystemClock,
} from '#libs/platform';
import { MemoryLogger } from '#libs/platform/testing';
import { MemorySecretStore } from '#libs/secrets/testing';
import { AuditMetrics } from '../metrics.js';
import type { AuditSettings } from '../settings.js';
import { CheckpointSigners } from '../log/checkpoint-signers.js';
import { AuditLogService } from '../query/audit-log.service.js';
import { EntryExport } from '../export/entry-export.js';
import { EntryRepository } from '../query/entry-repository.js';
import { EntrySearch } from '../query/entry-search.js';
import { EntryStatistics } from '../query/entry-statistics.js';
import { PersonalDataEraser } from '../query/personal-data-eraser.js';
import { SecretTokenFingerprints } from '../fingerprints/secret-token-fingerprints.js';
import { TokenTracer } from '../query/token-tracer.js';
import { LogReader } from '../log/log-reader.js';
import { Sequencer } from '../log/sequencer.js';
import { RollbackDetector } from '../log/rollback-detector.js';
import { PostgresAuditTrail } from '../trail/postgres-audit-trail.js';

/** The log as one process of the service has it, for tests. */
export interface TestLog {
  readonly trail: PostgresAuditTrail;
  readonly database: Database;
  readonly dataSource: DataSource;
  readonly secrets: MemorySecretStore;
  readonly signers: CheckpointSigners;
  readonly settings: AuditSettings;
  readonly readiness: ReadinessChecks;
  readonly logger: MemoryLogger;
  readonly registry: Registry;
  readonly clock: Clock;
  close(): Promise<void>;
}

/** The same key for every process of a test, so that their checkpoints verify alike. */
export const TEST_SIGNING_SEED =
  process.env.AUDIT_TEST_SIGNING_SEED ?? randomBytes(32).toString('base64');

/** Opens the log that is in a migrated database. */
export function openTestLog(
  url: string,
  {
    clock = new SystemClock(),
    databaseTimeoutMs = 3000,
    poolSize = 4,
    ...settings
  }: Partial<AuditSettings> & {
    clock?: Clock;
    databaseTimeoutMs?: number;
    poolSize?: number;
  } = {},
): TestLog {
  const dataSource = new DataSource(
    dataSourceOptions({ url, poolSize, timeoutMs: databaseTimeoutMs }),
  );
  const database = new Database(dataSource);
  const secrets = new MemorySecretStore(clock, {
    'audit-signing-key': TEST_SIGNING_SEED,
    'audit-fingerprint-key': 'fingerprint key of the tests, 32+',
  });
  const all: AuditSettings = {
    origin: 'log.example/audit',
    signingKeySecrets: ['audit-signing-key'],
    fingerprintKeySecret: 'audit-fingerprint-key',
    timeoutMs: 3000,
    queueLimit: 10_000,
    homeTenant: undefined,
    checkpointFile: undefined,
    ...settings,
  };
  const registry = new Registry();
  const metrics = new AuditMetrics(registry);
  const logger = new MemoryLogger();
  const readiness = new ReadinessChecks();
  const signers = new CheckpointSigners(secrets, all);
  const watch = new RollbackDetector(database, signers, readiness, logger, metrics, all);
  watch.onApplicationBootstrap();
  const appender = new Sequencer(database, clock, signers, all);
  const trail = new PostgresAuditTrail(appender, watch, clock, logger, metrics, all);
  const close = async (): Promise<void> => {
    if (dataSource.isInitialized) await dataSource.destroy();
  };
  return {
    trail,
    database,
    dataSource,
    secrets,
    signers,
    settings: all,
    readiness,
    logger,
    registry,
    clock,
    close,
  };
}

/** Reads the log that a test writes. */
export function openTestReader(log: TestLog): LogReader {
  const { database, signers, readiness, logger, settings } = log;
  const metrics = new AuditMetrics(new Registry());
  const watch = new RollbackDetector(database, signers, readiness, logger, metrics, settings);
  return new LogReader(database, new EntryRepository(database), signers, watch, settings);
}

/** Everything that reads a log, as the module wires it. */
export function openTestDesk(log: TestLog): AuditLogService {
  const { database, trail, clock, settings, secrets } = log;
  const rows = new EntryRepository(database);
  const reader = openTestReader(log);
  return new AuditLogService(
    trail,
    rows,
    new EntrySearch(database, rows),
    new EntryStatistics(database),
    new EntryExport(database, rows, reader),
    reader,
    new TokenTracer(database, rows, new SecretTokenFingerprints(secrets, settings), clock),
    new PersonalDataEraser(trail, database),
    settings,
  );
}
