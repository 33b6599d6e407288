import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database, Logger, type ReadinessAnswer, ReadinessChecks } from '#libs/platform';
import {
  type Checkpoint,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
} from '#libs/transparency-log';
import { LogDamaged } from '../errors.js';
import { AuditMetrics } from '../metrics.js';
import { readRoot, type SignedHead } from '../postgres/log-queries.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { CheckpointFile } from './checkpoint-file.js';
import { CheckpointSigners } from './checkpoint-signers.js';

/**
 * Detects a database that no longer continues the log: rolled back to a backup, cut or replaced. It
 * keeps the latest checkpoint in memory and, with `AUDIT_CHECKPOINT_FILE`, in a file outside the
 * database. After a detection nothing is recorded, so nothing is issued, until the process restarts.
 */
@Injectable()
export class RollbackDetector implements OnApplicationBootstrap {
  readonly #file: CheckpointFile | undefined;
  #hasReadFile = false;
  #latest: Checkpoint | undefined;
  #damage: LogDamaged | undefined;

  constructor(
    private readonly database: Database,
    private readonly signers: CheckpointSigners,
    private readonly readiness: ReadinessChecks,
    private readonly logger: Logger,
    private readonly metrics: AuditMetrics,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {
    const { checkpointFile } = settings;
    this.#file = checkpointFile === undefined ? undefined : new CheckpointFile(checkpointFile);
  }

  onApplicationBootstrap(): void {
    this.readiness.register('audit', async () => this.#checkReadiness());
  }

  /**
   * The first call compares the checkpoint file with the database; later ones only report damage that
   * was found meanwhile.
   *
   * @throws LogDamaged when the database does not continue the latest checkpoint
   */
  async assertConsistent(): Promise<void> {
    if (this.#damage) throw this.#damage;
    if (this.#hasReadFile) return;
    await this.#readFile();
    await this.#compareWithDatabase();
    this.#hasReadFile = true;
  }

  /** Remembers a head that was committed or shown to a reader. */
  observe({ checkpoint, size }: SignedHead): void {
    if (size <= this.#latestSize) return;
    this.#latest = parseCheckpoint(parseNote(checkpoint).text);
    this.metrics.logSize.set(size);
    this.#file?.write(checkpoint).catch((error: unknown) => {
      this.logger.error({ error }, 'audit checkpoint file not written');
    });
  }

  /** Remembers damage that an append found. Ignores other errors. */
  noteFailure(error: unknown): void {
    if (error instanceof LogDamaged) this.#damage ??= error;
  }

  get #latestSize(): number {
    return this.#latest?.size ?? -1;
  }

  async #checkReadiness(): Promise<ReadinessAnswer> {
    try {
      await this.assertConsistent();
      await this.#compareWithDatabase();
      await this.signers.current();
      return { isReady: true };
    } catch (error) {
      this.noteFailure(error);
      if (error instanceof LogDamaged) return { isReady: false, reason: error.finding };
      throw error;
    }
  }

  async #readFile(): Promise<void> {
    const note = await this.#file?.read();
    if (note === undefined) return;
    const verifiers = (await this.signers.current()).map(({ verifier }) => verifier);
    try {
      const { checkpoint } = openCheckpoint(note, { origin: this.settings.origin, verifiers });
      if (checkpoint.size > this.#latestSize) this.#latest = checkpoint;
    } catch (cause) {
      throw new LogDamaged('the checkpoint file is not one of this log', { cause });
    }
  }

  /** Checkpoints are signed at commits, so a stored head has the size and the root of the latest one. */
  async #compareWithDatabase(): Promise<void> {
    const latest = this.#latest;
    // Reads even without a checkpoint: readiness also means that the log can be read.
    const root = await this.database.run(async (manager) => readRoot(manager, latest?.size ?? 0));
    if (!latest || latest.size === 0 || root?.equals(latest.root)) return;
    this.#damage = new LogDamaged(
      root ? 'the log is another one than before' : 'the log is shorter than before',
    );
    this.logger.error({ size: latest.size, finding: this.#damage.finding }, 'audit log damaged');
    throw this.#damage;
  }
}
