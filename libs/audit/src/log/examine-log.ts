import { Registry } from 'prom-client';
import { type Database, type Logger, ReadinessChecks } from '#libs/platform';
import type { SecretStore } from '#libs/secrets';
import { AuditMetrics } from '../metrics.js';
import type { AuditSettings } from '../settings.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import { LogKeys } from './log-keys.js';
import { RollbackDetector } from './rollback-detector.js';

/** What the examination reads. */
export interface ExaminedLog {
  readonly database: Database;
  readonly secrets: SecretStore;
  readonly settings: AuditSettings;
  readonly logger: Logger;
}

/**
 * Reads the keys that sign checkpoints.
 *
 * @throws UnusableSigningKey, or an error of the secret store, for the first key that can't be used
 */
export async function examineLogKeys({
  secrets,
  settings,
}: Pick<ExaminedLog, 'secrets' | 'settings'>): Promise<void> {
  await new CheckpointSigners(secrets, settings).current();
}

/**
 * Compares the checkpoint file with the database as a start does. Writes neither.
 *
 * @throws LogDamaged when the database does not continue the checkpoint
 */
export async function examineLog({
  database,
  secrets,
  settings,
  logger,
}: ExaminedLog): Promise<void> {
  const signers = new CheckpointSigners(secrets, settings);
  const registry = new Registry();
  const detector = new RollbackDetector(
    database,
    signers,
    new LogKeys(signers, database, settings),
    new ReadinessChecks(logger, registry),
    logger,
    new AuditMetrics(registry),
    settings,
  );
  await detector.assertConsistent();
}
