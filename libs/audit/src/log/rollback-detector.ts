import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database, Logger, type ReadinessAnswer, ReadinessChecks } from '#libs/platform';
import {
  type Checkpoint,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
} from '#libs/transparency-log';
import { AuditMetrics } from '../metrics.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { CheckpointFile } from './checkpoint-file.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import type { Committed } from './sequencer.js';
import { LogDamaged } from '../errors.js';

/**
 * Remembers what the log has promised, in memory and in a file outside the database, and notices when
 * the database does not hold it any more. From then on nothing is recorded, so nothing is issued,
 * until an operator has looked and started the process again.
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
    this.#file =
      settings.checkpointFile === undefined
        ? undefined
        : new CheckpointFile(settings.checkpointFile);
  }

  onApplicationBootstrap(): void {
    this.readiness.register('audit', async () => this.#checkReadiness());
  }

  /** @throws LogDamaged when the database does not continue what was seen before */
  async assertConsistent(): Promise<void> {
    if (this.#damage) throw this.#damage;
    if (this.#hasReadFile) return;
    await this.#readFile();
    await this.#compareWithDatabase();
    this.#hasReadFile = true;
  }

  /** Remembers a checkpoint that was committed, or that a reader was shown. */
  observe({ checkpoint, size }: Committed): void {
    if (size <= (this.#latest?.size ?? -1)) return;
    this.#latest = parseCheckpoint(parseNote(checkpoint).text);
    this.metrics.size.set(size);
    this.#file?.write(checkpoint).catch((error: unknown) => {
      this.logger.error({ error }, 'audit checkpoint file not written');
    });
  }

  /** Looks at why an append failed: damage stays. */
  noteFailure(error: unknown): void {
    if (error instanceof LogDamaged) this.#damage ??= error;
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
    const kept = await this.#file?.read();
    if (kept === undefined) return;
    const verifiers = (await this.signers.current()).map(({ verifier }) => verifier);
    try {
      const { checkpoint } = openCheckpoint(kept, { origin: this.settings.origin, verifiers });
      if (checkpoint.size > (this.#latest?.size ?? -1)) this.#latest = checkpoint;
    } catch (cause) {
      throw new LogDamaged('the checkpoint file is not one of this log', { cause });
    }
  }

  /** Every checkpoint was signed at a commit, so that its size and root are those of a head. */
  async #compareWithDatabase(): Promise<void> {
    const seen = this.#latest;
    const [row] = await this.database.query<{ root: Buffer }>(
      'SELECT root FROM audit_head WHERE size = $1',
      [seen?.size ?? 0],
    );
    if (!seen || seen.size === 0 || row?.root.equals(seen.root)) return;
    this.#damage = new LogDamaged(
      row ? 'the log is another one than before' : 'the log is shorter than before',
    );
    this.logger.error({ size: seen.size, finding: this.#damage.finding }, 'audit log damaged');
    throw this.#damage;
  }
}
