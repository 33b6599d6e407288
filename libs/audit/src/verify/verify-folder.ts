import {
  type Checkpoint,
  type CheckpointTrust,
  CompactRange,
  decodeEntryBundle,
  HASH_BYTES,
  LogMismatch,
  type LogBatch,
  MalformedEntryBundle,
  MalformedTile,
  openCheckpoint,
  type TileAddress,
  TreeReader,
  TILE_WIDTH,
  tileWidthAt,
  verifyLog,
} from '#libs/transparency-log';
import type { TileDirectory } from '../log/tile-directory.js';
import {
  type AuditFault,
  type AuditFaultKind,
  AuditFaults,
  CONTRADICTION,
  SHORTENED,
} from './audit-fault.js';
import type { VerifyReport } from './database-verifier.js';
import { checkKnownCheckpoints } from './known-checkpoints.js';

/** Which copy to verify, and what with. */
export interface VerifyFolderRequest extends CheckpointTrust {
  readonly folder: TileDirectory;
  /** Start after this checkpoint, which was verified before. Default: the whole log. */
  readonly since?: Checkpoint;
  /** Checkpoints from elsewhere, of any sizes, which the copy must continue. */
  readonly known?: readonly Checkpoint[];
  readonly onProgress?: (verified: number, total: number) => void;
}

const FAULT_KINDS: Readonly<Record<LogMismatch['fault'], AuditFaultKind>> = {
  'entry-differs': 'entry-differs',
  'entry-missing': 'entry-missing',
  'entry-added': 'entry-added',
  'tile-differs': 'tile-differs',
  'root-differs': 'entry-differs',
};

/**
 * Verifies a copy of the log offline: its files and the public keys are all it needs. Reports the first
 * fault only.
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
      if (!start) return this.#report([contradiction(this.#head, since)]);
      await verifyLog({
        start,
        batches: this.#batches(start.size),
        heads: [this.#head],
        readTile: (address) => this.#tile(address),
      });
      await checkKnownCheckpoints(
        this.#request.known ?? [],
        this.#head,
        (address) => this.#tile(address),
        this.#faults,
      );
    } catch (error) {
      this.#addFault(error);
    }
    return this.#report(this.#faults.sorted());
  }

  async #start(since: Checkpoint | undefined): Promise<CompactRange | undefined> {
    if (!since) return new CompactRange();
    if (since.size > this.#head.size) return undefined;
    const tree = new TreeReader(since.size, (address) => this.#tile(address));
    const range = await tree.compactRange();
    return Buffer.compare(range.root(), since.root) === 0 ? range : undefined;
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
        // Retired entries: only their hashes can be compared with the checkpoint.
        const hashes = this.#tile({ level: 0, index, width });
        yield { leafHashes: hashes.subarray(skip * HASH_BYTES, width * HASH_BYTES) };
        this.#retiredBelow = index * TILE_WIDTH + width;
      }
      this.#reached = index * TILE_WIDTH + width;
      this.#request.onProgress?.(this.#reached, size);
    }
  }

  /** A copy has each tile as wide as its own checkpoint says, also when an older tree is computed. */
  #tile({ level, index }: TileAddress): Buffer {
    const width = tileWidthAt(level, index, this.#head.size);
    return this.#request.folder.tile({ level, index, width }) ?? Buffer.of();
  }

  #addFault(error: unknown): void {
    if (error instanceof LogMismatch) {
      this.#faults.add(FAULT_KINDS[error.fault], error.firstIndex, error.fault, error.endIndex);
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

function contradiction(head: Checkpoint, since: Checkpoint | undefined): AuditFault {
  const endIndex = since?.size ?? 0;
  const detail = endIndex > head.size ? SHORTENED : CONTRADICTION;
  return { kind: 'checkpoint-contradicted', index: 0, endIndex, detail };
}
