import { randomBytes } from 'node:crypto';
import { Global, Module, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { getDataSourceToken } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import {
  Clock,
  Database,
  databaseSettings,
  type DatabaseSettings,
  Logger,
  ReadinessChecks,
  Sweeps,
  SystemClock,
} from '#libs/platform';
import { MemoryLogger } from '#libs/platform/testing';
import { SecretStore } from '#libs/secrets';
import { MemorySecretStore } from '#libs/secrets/testing';
import { AuditModule } from '../audit.module.js';
import { BackgroundVerifier } from '../background/background-verifier.js';
import { SecretTokenFingerprintsModule } from '../fingerprints/secret-token-fingerprints.module.js';
import { CheckpointSigners } from '../log/checkpoint-signers.js';
import { LogMaintenance } from '../log/log-maintenance.js';
import { LogReader } from '../log/log-reader.js';
import { AuditLogService } from '../query/audit-log.service.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { AuditTrail } from '../trail/audit-trail.js';
import { PostgresAuditTrailModule } from '../trail/postgres-audit-trail.module.js';

/** The audit log of one process, wired as in the service, for tests. */
export interface TestLog {
  readonly trail: AuditTrail;
  readonly auditLog: AuditLogService;
  readonly reader: LogReader;
  readonly database: Database;
  readonly dataSource: DataSource;
  readonly secrets: MemorySecretStore;
  readonly signers: CheckpointSigners;
  readonly settings: AuditSettings;
  readonly readiness: ReadinessChecks;
  readonly logger: MemoryLogger;
  readonly registry: Registry;
  readonly clock: Clock;
  /** Any other provider of the audit modules. */
  get<T>(provider: Type<T>): T;
  close(): Promise<void>;
}

export interface TestLogOptions extends Partial<AuditSettings> {
  readonly clock?: Clock;
  readonly databaseTimeoutMs?: number;
  readonly poolSize?: number;
}

/** The same signing key for every process of a test, so that one verifier accepts their checkpoints. */
export const TEST_SIGNING_SEED =
  process.env.AUDIT_TEST_SIGNING_SEED ?? randomBytes(32).toString('base64');

/** Opens the log of a migrated database. Nothing runs in the background; deadlines suit a busy machine. */
export async function openTestLog(
  url: string,
  {
    clock = new SystemClock(),
    databaseTimeoutMs = 10_000,
    poolSize = 4,
    ...changes
  }: TestLogOptions = {},
): Promise<TestLog> {
  const settings: AuditSettings = { ...DEFAULT_SETTINGS, ...changes };
  const database: DatabaseSettings = {
    url,
    poolSize,
    readingPoolSize: poolSize,
    timeoutMs: databaseTimeoutMs,
  };
  const secrets = new MemorySecretStore(clock, {
    'audit-signing-key': TEST_SIGNING_SEED,
    'audit-fingerprint-key': 'fingerprint key of the tests, 32+',
  });
  const logger = new MemoryLogger();
  const registry = new Registry();
  const surroundings = [
    { provide: auditSettings.key, useValue: settings },
    { provide: databaseSettings.key, useValue: database },
    { provide: Clock, useValue: clock },
    { provide: Logger, useValue: logger },
    { provide: SecretStore, useValue: secrets },
    { provide: Registry, useValue: registry },
    ReadinessChecks,
    Sweeps,
  ];

  @Global()
  @Module({ providers: surroundings, exports: surroundings })
  class SurroundingsModule {}

  const app = await Test.createTestingModule({
    imports: [
      SurroundingsModule,
      PostgresAuditTrailModule,
      SecretTokenFingerprintsModule,
      AuditModule,
    ],
  })
    .overrideProvider(LogMaintenance)
    .useValue({})
    .overrideProvider(BackgroundVerifier)
    .useValue({})
    .compile();
  await app.init();
  const get = <T>(provider: Type<T>): T => app.get<T>(provider, { strict: false });
  return {
    trail: app.get(AuditTrail, { strict: false }),
    auditLog: get(AuditLogService),
    reader: get(LogReader),
    database: get(Database),
    dataSource: app.get<DataSource>(getDataSourceToken(), { strict: false }),
    secrets,
    signers: get(CheckpointSigners),
    settings,
    readiness: get(ReadinessChecks),
    logger,
    registry,
    clock,
    get,
    close: async () => app.close(),
  };
}

const DEFAULT_SETTINGS: AuditSettings = {
  origin: 'log.example/audit',
  previousOrigin: undefined,
  signingKeySecrets: ['audit-signing-key'],
  fingerprintKeySecret: 'audit-fingerprint-key',
  timeoutMs: 10_000,
  queueLimit: 10_000,
  // Tests with a clock of their own are at another time than their database.
  clockToleranceMs: Number.MAX_SAFE_INTEGER,
  homeTenant: undefined,
  verificationMs: 0,
  checkpointFile: undefined,
};
