import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import {
  Database,
  errorCode,
  explain,
  Logger,
  type ReadinessAnswer,
  ReadinessChecks,
} from '#libs/platform';
import {
  type Checkpoint,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  type TileReader,
  TransparencyLogError,
  UnverifiedNote,
  verifyContinuation,
} from '#libs/transparency-log';
import {
  AuditUnavailable,
  CheckpointFileUnreadable,
  LogDamaged,
  LogOriginDiffers,
  LogOriginUnfit,
} from '../errors.js';
import { AuditMetrics } from '../metrics.js';
import { lockHead, NEWEST_CHECKPOINT, toCheckpoint } from '../postgres/append-statements.js';
import { readSignedHead, readTile, type SignedHead, tilesOver } from '../postgres/log-queries.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { CheckpointFile } from './checkpoint-file.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import { flyInTransaction } from './function-append.js';
import { LogKeys } from './log-keys.js';
import { LogOrigin } from './log-origin.js';

/** After this time without another failure the next append tries whether recording works again. */
const APPEND_FAILURE_MS = 15_000;

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
  #appendFailure: { readonly reason: string; readonly until: number } | undefined;
  /** Why the checkpoint file could not be written last. */
  #fileFault: string | undefined;

  constructor(
    private readonly database: Database,
    private readonly signers: CheckpointSigners,
    private readonly keys: LogKeys,
    private readonly origins: LogOrigin,
    private readonly readiness: ReadinessChecks,
    private readonly logger: Logger,
    private readonly metrics: AuditMetrics,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {
    const { checkpointFile } = settings;
    this.#file =
      checkpointFile === undefined
        ? undefined
        : new CheckpointFile(checkpointFile, async (note) => this.#open(note));
  }

  onApplicationBootstrap(): void {
    this.readiness.register('audit', async () => this.#checkReadiness());
    this.#noteWriting(this.#file?.assertWritable());
  }

  /** Writes the checkpoint of the last commit, which may wait for its time. */
  async close(): Promise<void> {
    await this.#file?.close();
  }

  /**
   * The first call compares the checkpoint file with the database; later ones only report damage that
   * was found meanwhile.
   *
   * @throws LogDamaged when the database does not continue the latest checkpoint
   * @throws CheckpointFileUnreadable
   */
  async assertConsistent(): Promise<void> {
    if (this.#damage) throw this.#damage;
    if (this.#hasReadFile) return;
    await this.#readFile();
    await this.#compareWithDatabase();
    this.#hasReadFile = true;
  }

  /**
   * The newest head, which is proven to continue the latest checkpoint of this process: readers are never
   * shown another log than before.
   *
   * @returns `undefined` for an empty log
   * @throws AuditUnavailable when the database does not continue the latest checkpoint, or that is not known
   */
  async newestHead(): Promise<SignedHead | undefined> {
    try {
      await this.assertConsistent();
      const head = await this.#compareWithDatabase();
      if (head) this.observe(head);
      return head;
    } catch (error) {
      const isUncertain = error instanceof LogDamaged || error instanceof CheckpointFileUnreadable;
      throw isUncertain ? new AuditUnavailable({ cause: error }) : error;
    }
  }

  /** Remembers a head that was committed or shown to a reader. */
  observe({ checkpoint, size }: SignedHead): void {
    this.#appendFailure = undefined;
    if (size <= this.#latestSize) return;
    this.#latest = parseCheckpoint(parseNote(checkpoint).text);
    this.metrics.logSize.set(size);
    this.#noteWriting(this.#file?.write(checkpoint));
  }

  /** Remembers damage that an append found, and for a while that an append failed. */
  noteFailure(error: unknown): void {
    this.#appendFailure = { reason: explain(error), until: performance.now() + APPEND_FAILURE_MS };
    if (error instanceof LogDamaged) this.#damage ??= error;
  }

  get #latestSize(): number {
    return this.#latest?.size ?? -1;
  }

  #noteWriting(writing: Promise<void> | undefined): void {
    writing?.then(
      () => {
        this.#fileFault = undefined;
      },
      (error: unknown) => {
        const fault = `the checkpoint file can not be written (${errorCode(error) ?? 'unknown error'})`;
        // Each commit writes it: a full disk must not flood the log.
        if (fault !== this.#fileFault)
          this.logger.error({ error }, 'audit checkpoint file not written');
        this.#fileFault = fault;
      },
    );
  }

  async #checkReadiness(): Promise<ReadinessAnswer> {
    try {
      await this.assertConsistent();
      const head = await this.#compareWithDatabase();
      await this.signers.current();
      const originFault = await this.#checkOrigin(head);
      const failure = this.#appendFailure;
      if (failure && performance.now() < failure.until) {
        return { isReady: false, reason: `nothing can be recorded: ${failure.reason}` };
      }
      // Tokens can be issued all the same, but a rollback during an outage would not be found.
      const degradations = [originFault, this.#fileFault].filter((fault) => fault !== undefined);
      return {
        isReady: true,
        ...(degradations.length > 0 && { degradation: degradations.join('; ') }),
      };
    } catch (error) {
      if (error instanceof LogDamaged) return { isReady: false, reason: error.finding };
      if (
        error instanceof CheckpointFileUnreadable ||
        error instanceof LogOriginDiffers ||
        error instanceof LogOriginUnfit
      )
        return { isReady: false, reason: error.message };
      throw error;
    }
  }

  /**
   * @returns what is wrong with `AUDIT_LOG_ORIGIN` although this process may record
   * @throws LogOriginDiffers, or LogOriginUnfit, when it may not
   */
  async #checkOrigin(head: SignedHead | undefined): Promise<string | undefined> {
    const { origin } = this.settings;
    const current = await this.database.run(async (manager) =>
      this.origins.after(head?.checkpoint, manager),
    );
    if (current === origin) return undefined;
    return `the log has the new name ${current}, and AUDIT_LOG_ORIGIN is its earlier name ${origin}`;
  }

  async #readFile(): Promise<void> {
    const note = await this.#file?.read();
    if (note === undefined) return;
    try {
      const checkpoint = await this.#open(note);
      if (checkpoint.size > this.#latestSize) this.#latest = checkpoint;
    } catch (cause) {
      if (!(cause instanceof TransparencyLogError)) throw cause;
      throw (this.#damage ??= new LogDamaged('the checkpoint file is not one of this log', {
        cause,
      }));
    }
  }

  /** @throws TransparencyLogError unless the log signed the checkpoint */
  async #open(note: string): Promise<Checkpoint> {
    const verifiers = (await this.signers.current()).map(({ verifier }) => verifier);
    try {
      return openCheckpoint(note, { origin: this.settings.origin, verifiers }).checkpoint;
    } catch (error) {
      if (!(error instanceof UnverifiedNote)) throw error;
      // Written before its key was retired.
      return openCheckpoint(note, await this.keys.trust()).checkpoint;
    }
  }

  /** Reads even without a checkpoint: readiness also means that the log can be read. */
  async #compareWithDatabase(): Promise<SignedHead | undefined> {
    const latest = this.#latest;
    const head = await readSignedHead(this.database);
    if (!latest || latest.size === 0) return head;
    const finding = await findDamage(latest, head, async (address) =>
      this.database.run(async (manager) => readTile(manager, address)),
    );
    return finding === undefined ? head : this.#confirmDamage(latest);
  }

  /**
   * Compares once more, under the lock of the log: a standby has an older log, and is no evidence of damage.
   *
   * @returns the head, if it continues the checkpoint after all
   * @throws DatabaseUnavailable when the connection leads to no server that takes writes
   */
  async #confirmDamage(latest: Checkpoint): Promise<SignedHead | undefined> {
    return this.database.transaction(async (transaction) => {
      const [headRows = [], checkpointRows = []] = await flyInTransaction(transaction, [
        lockHead(this.settings.timeoutMs),
        NEWEST_CHECKPOINT,
      ]);
      const [[size] = []] = headRows;
      const checkpoint = toCheckpoint(checkpointRows);
      const head = checkpoint === undefined ? undefined : { size: Number(size), checkpoint };
      const finding = await findDamage(latest, head, tilesOver(transaction));
      if (finding === undefined) return head;
      this.logger.error({ size: latest.size, finding }, 'audit log damaged');
      throw (this.#damage ??= new LogDamaged(finding));
    });
  }
}

/** A head of the latest checkpoint's size proves nothing: the tree must continue the checkpoint's tree. */
async function findDamage(
  latest: Checkpoint,
  head: SignedHead | undefined,
  tiles: TileReader,
): Promise<string | undefined> {
  if (!head || head.size < latest.size) return 'the log is shorter than before';
  try {
    const stored = parseCheckpoint(parseNote(head.checkpoint).text);
    await verifyContinuation(latest, stored, tiles);
    return undefined;
  } catch (error) {
    if (error instanceof TransparencyLogError) return 'the log is another one than before';
    throw error;
  }
}
