import { type AuditEntryRecord, EXPORT_FORMATS } from '#libs/audit';
import type { Credential } from '../config/credential.js';
import type { AzureBlobSinkOptions } from '../config/sink-options.js';
import {
  Sink,
  type SinkBatch,
  SinkFailure,
  type SinkLimits,
  type SinkRecord,
} from '../delivery/sink.js';
import { ArchivedLines } from './archived-lines.js';
import { type AppendPlace, BlobContainer, type SmallBlob } from './blob-container.js';
import type { SinkContext } from './sink-context.js';

/** What is read of a blob at once, unless records may be longer. */
const CHUNK_BYTES = 64 * 1024;

/**
 * Appends lines to append blobs, one for each hour of the log: `audit/2026/11/26/13.ndjson`. Each append has
 * the condition that the blob ends where this process knows its end, and lines that are there already
 * are not appended again, so that neither a lost answer nor a second writer repeats any.
 */
export class AzureBlobSink extends Sink {
  readonly limits: SinkLimits;
  readonly address: string;
  readonly #container: BlobContainer;
  /** Where the last append ended; unknown after a failure. */
  #place: AppendPlace | undefined;
  /** What the blobs have that were compared last. */
  #archived: ArchivedLines | undefined;
  /** The checkpoint in the container; unknown after a failure. */
  #kept: SmallBlob | undefined;

  constructor(
    private readonly options: AzureBlobSinkOptions,
    private readonly context: SinkContext,
  ) {
    super();
    const { maxEntries, maxRecordBytes: maxBytes, container, prefix, sas } = options;
    this.address = `${container} ${prefix}`;
    this.limits = { maxEntries, maxRecordBytes: maxBytes, maxBatchBytes: 3_000_000 };
    const credential: Credential | undefined = sas && context.credential(sas);
    this.#container = new BlobContainer(container, credential, context);
  }

  format(record: AuditEntryRecord): string {
    return EXPORT_FORMATS[this.options.format].line(record);
  }

  async send({ records, checkpoint }: SinkBatch, signal: AbortSignal): Promise<void> {
    let confirmedCount = 0;
    try {
      // Before the lines: those of a log that was rolled back never reach the archive.
      if (this.options.checkpoint && checkpoint !== '')
        await this.#keepCheckpoint(checkpoint, signal);
      for (const [hour, lines] of Map.groupBy(records, ({ recordedAt }) => hourOf(recordedAt))) {
        await this.#append(hour, lines, signal);
        confirmedCount += lines.length;
      }
    } catch (error) {
      this.#place = undefined;
      this.#kept = undefined;
      if (!(error instanceof SinkFailure) || confirmedCount === 0) throw error;
      const { kind, message, retryAfterMs } = error;
      throw new SinkFailure(kind, message, { retryAfterMs, confirmedCount });
    }
  }

  async examine(signal: AbortSignal): Promise<void> {
    await this.#container.read(this.#checkpointName, signal);
  }

  /** Writes a blob of its own. */
  override async test(record: SinkRecord, signal: AbortSignal): Promise<void> {
    await this.#container.put(`${this.options.prefix}test.ndjson`, `${record.text}\n`, signal);
  }

  async #append(hour: string, records: readonly SinkRecord[], signal: AbortSignal): Promise<void> {
    const name = `${this.options.prefix}${hour}`;
    const known = this.#place?.name.startsWith(name) === true ? this.#place : undefined;
    const parts = known ? [known] : await this.#container.parts(name, signal);
    const missing = known ? records : await this.#missing(parts, records, signal);
    // The blobs may have more than this batch: the next one has to look as well.
    if (missing.length === 0) return;
    const place = parts.at(-1) ?? (await this.#container.create(name, signal));
    const body = Buffer.from(missing.map(({ text }) => `${text}\n`).join(''));
    this.#place = await this.#container.append(place, body, signal);
    this.#archived = undefined;
  }

  async #missing(
    parts: readonly AppendPlace[],
    records: readonly SinkRecord[],
    signal: AbortSignal,
  ): Promise<readonly SinkRecord[]> {
    if (this.#archived?.isOf(parts) !== true) {
      const chunkBytes = Math.max(CHUNK_BYTES, this.limits.maxRecordBytes + 1);
      this.#archived = new ArchivedLines(this.#container, parts, chunkBytes);
    }
    return this.#archived.missing(records, signal);
  }

  /**
   * Replaces the checkpoint by one of a log that provably continues it, if no other process has replaced it
   * meanwhile.
   *
   * @throws SinkFailure when the log does not continue it
   */
  async #keepCheckpoint(checkpoint: string, signal: AbortSignal): Promise<void> {
    const kept = (this.#kept ??= await this.#container.read(this.#checkpointName, signal));
    if (kept?.text === checkpoint) return;
    const fault = kept && (await this.context.continuation.faultOf(kept.text, checkpoint));
    if (fault !== undefined) throw new SinkFailure('refused', `holds ${fault}`);
    this.#kept = await this.#container.replace(this.#checkpointName, checkpoint, kept, signal);
  }

  get #checkpointName(): string {
    return `${this.options.prefix}checkpoint`;
  }
}

/** `2026/11/26/13` */
function hourOf(recordedAt: string): string {
  return recordedAt.slice(0, 13).replaceAll(/[-T]/g, '/');
}
