import { Registry } from 'prom-client';
import { type Database, type Logger, ReadinessChecks } from '#libs/platform';
import type { SecretStore } from '#libs/secrets';
import { LogOriginDiffers } from '../errors.js';
import { AuditMetrics } from '../metrics.js';
import { readSignedHead } from '../postgres/log-queries.js';
import type { AuditSettings } from '../settings.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import { LogKeys } from './log-keys.js';
import { LogOrigin } from './log-origin.js';
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
 * Compares the name of the log and the checkpoint file with the database as a start does. Writes neither.
 *
 * @throws LogOriginUnfit when the log is empty
 * @throws LogOriginDiffers also when the log had the name of this process earlier
 * @throws LogDamaged when the database does not continue the checkpoint
 */
export async function examineLog({
  database,
  secrets,
  settings,
  logger,
}: ExaminedLog): Promise<void> {
  const signers = new CheckpointSigners(secrets, settings);
  const origins = new LogOrigin(signers, settings);
  const head = await readSignedHead(database);
  const origin = await database.run(async (query) => origins.after(head?.checkpoint, query));
  if (origin !== settings.origin) throw new LogOriginDiffers(origin, settings.origin);
  const registry = new Registry();
  const detector = new RollbackDetector(
    database,
    signers,
    new LogKeys(signers, database, settings),
    origins,
    new ReadinessChecks(logger, registry),
    logger,
    new AuditMetrics(registry),
    settings,
  );
  await detector.assertConsistent();
}
