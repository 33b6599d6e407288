import {
  type Checkpoint,
  CompactRange,
  decodeEntryBundle,
  LogMismatch,
  type LogBatch,
  MalformedEntryBundle,
  MalformedTile,
  openCheckpoint,
  type NoteVerifier,
  type TileAddress,
  TreeReader,
  TILE_WIDTH,
  tileWidthAt,
  verifyLog,
} from '#libs/transparency-log';
import type { LogFolder } from '../log-folder.js';
import { type AuditFault, type AuditFaultKind, AuditFaults } from './audit-fault.js';
import type { VerifyReport } from './database-verifier.js';

/** What to verify. */
export interface VerifyFolderRequest {
  readonly folder: LogFolder;
  readonly origin: string;
  readonly verifiers: readonly NoteVerifier[];
  /** Start after this checkpoint, which was verified before. The whole log otherwise. */
  readonly since?: Checkpoint;
  readonly onProgress?: (verified: number, total: number) => void;
}

const kinds: Readonly<Record<LogMismatch['fault'], AuditFaultKind>> = {
  'entry-differs': 'entry-differs',
  'entry-missing': 'entry-missing',
  'entry-added': 'entry-added',
  'tile-differs': 'tile-differs',
  'root-differs': 'entry-differs',
};

/**
 * Verifies a copy of the log with nothing but its files and the public key. Names the first fault.
 *
 * @throws TransparencyLogError when the checkpoint is missing, malformed or not signed by the log
 */
export async function verifyFolder(request: VerifyFolderRequest): Promise<VerifyReport> {
  const note = request.folder.checkpoint();
  const { checkpoint } = openCheckpoint(note ?? '', request);
  return new FolderVerification(request, checkpoint).run();
}

class FolderVerification {
  readonly #faults = new AuditFaults(1);
  readonly #request: VerifyFolderRequest;
  readonly #head: Checkpoint;
  #retiredBelow = 0;
  #reached = 0;

  constructor(request: VerifyFolderRequest, head: Checkpoint) {
    this.#request = request;
    this.#head = head;
  }

  async run(): Promise<VerifyReport> {
    const { since } = this.#request;
    try {
      const start = await this.#start(since);
      if (!start) return this.#report([contradiction(0, since?.size ?? 0)]);
      await verifyLog({
        start,
        batches: this.#batches(start.size),
        heads: [this.#head],
        readTile: (address) => this.#tile(address),
      });
    } catch (error) {
      this.#note(error);
    }
    return this.#report(this.#faults.sorted());
  }

  async #start(since: Checkpoint | undefined): Promise<CompactRange | undefined> {
    if (!since) return new CompactRange();
    if (since.size > this.#head.size) return undefined;
    const tree = new TreeReader(since.size, (address) => this.#tile(address));
    const range = await tree.compactRange();
    return range.root().equals(Buffer.from(since.root)) ? range : undefined;
  }

  *#batches(start: number): Generator<LogBatch, undefined> {
    const { size } = this.#head;
    this.#reached = start;
    let hasBodies = false;
    for (let index = Math.floor(start / TILE_WIDTH); index * TILE_WIDTH < size; index += 1) {
      const width = tileWidthAt(0, index, size);
      const skip = Math.max(0, start - index * TILE_WIDTH);
      const bundle = this.#request.folder.bundle({ index, width });
      if (bundle) {
        hasBodies = true;
        yield decodeEntryBundle(bundle, width).slice(skip);
      } else {
        if (hasBodies) throw new LogMismatch('entry-missing', this.#reached, this.#reached + 1);
        // Retired: only their hashes can be held against the checkpoint.
        const hashes = this.#tile({ level: 0, index, width });
        yield { leafHashes: hashes.subarray(skip * 32, width * 32) };
        this.#retiredBelow = index * TILE_WIDTH + width;
      }
      this.#reached = index * TILE_WIDTH + width;
      this.#request.onProgress?.(this.#reached, size);
    }
  }

  #tile(address: TileAddress): Buffer {
    return this.#request.folder.tile(address) ?? Buffer.of();
  }

  #note(error: unknown): void {
    if (error instanceof LogMismatch) {
      this.#faults.add(kinds[error.fault], error.firstIndex, error.fault, error.endIndex);
    } else if (error instanceof MalformedEntryBundle) {
      this.#faults.add('entry-differs', this.#reached, 'a bundle is malformed');
    } else if (error instanceof MalformedTile) {
      this.#faults.add('tile-missing', this.#reached, 'a tile is missing or malformed');
    } else {
      throw error;
    }
  }

  #report(faults: readonly AuditFault[]): VerifyReport {
    const { size, root } = this.#head;
    return { size, root: Buffer.from(root), retiredBelow: this.#retiredBelow, faults };
  }
}

function contradiction(index: number, endIndex: number): AuditFault {
  const detail = 'the log is another one than it was';
  return { kind: 'checkpoint-contradicted', index, endIndex, detail };
}
