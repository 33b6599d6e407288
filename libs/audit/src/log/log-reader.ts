import { Inject, Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import {
  emptyRoot,
  encodeEntryBundle,
  formatProofFile,
  MalformedTilePath,
  OutOfRange,
  parseTilePath,
  signCheckpoint,
  type TileAddress,
  type TileResource,
  TreeReader,
  TILE_WIDTH,
  tileWidthAt,
} from '#libs/transparency-log';
import {
  AuditEntryNotFound,
  AuditEntryRetired,
  AuditUnavailable,
  CheckpointNotWitnessed,
  LogDamaged,
} from '../errors.js';
import { bufferOf, readTile, type SignedHead } from '../postgres/log-queries.js';
import { EntryRepository } from '../query/entry-repository.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { CosignedCheckpoints, type WitnessedCheckpoint } from '../witness/cosigned-checkpoints.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import { RollbackDetector } from './rollback-detector.js';

/** The log as verifiers read it (C2SP tlog-tiles): checkpoint, tiles, entry bundles and proofs. */
@Injectable()
export class LogReader {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly entries: EntryRepository,
    private readonly signers: CheckpointSigners,
    private readonly rollbackDetector: RollbackDetector,
    private readonly cosigned: CosignedCheckpoints,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {}

  /**
   * The newest checkpoint, as it was signed at the commit, with the cosignatures that witnesses gave it so
   * far; that of an empty log is signed here.
   */
  async checkpoint(): Promise<SignedHead> {
    const { size, checkpoint } = await this.#head();
    return { size, checkpoint: checkpoint + (await this.cosigned.cosignatures(size)) };
  }

  /**
   * The newest checkpoint that a quorum of witnesses cosigned.
   *
   * @throws CheckpointNotWitnessed when there is none
   */
  async witnessedCheckpoint(): Promise<WitnessedCheckpoint> {
    const { size } = await this.#head();
    const witnessed = await this.cosigned.newest();
    if (!witnessed || witnessed.size > size) throw new CheckpointNotWitnessed();
    return witnessed;
  }

  /**
   * The bytes of a tile or an entry bundle.
   *
   * @param path such as `tile/0/x001/234` or `tile/entries/000.p/7`
   * @throws AuditEntryNotFound for any other path, and beyond the newest checkpoint
   * @throws AuditEntryRetired for a bundle with retired entries
   * @throws AuditUnavailable for a bundle with entries that are missing without a retirement
   */
  async resource(path: string): Promise<Buffer> {
    const address = requireResource(path);
    const { size } = await this.#head();
    const level = address.kind === 'tile' ? address.level : 0;
    if (address.width > tileWidthAt(level, address.index, size)) throw new AuditEntryNotFound();
    return address.kind === 'tile' ? this.tile(address) : this.#bundle(address);
  }

  /** The hashes of a tile of the newest tree. */
  async tile(address: TileAddress): Promise<Buffer> {
    return this.database.run(async (manager) => readTile(manager, address));
  }

  /**
   * A `.tlog-proof` file, with which an entry can be verified offline: against the newest checkpoint that a
   * quorum of witnesses cosigned, or against the newest one when the entry is not below it.
   *
   * @throws AuditEntryNotFound beyond the log
   */
  async proofFile(index: number): Promise<string> {
    const newest = await this.checkpoint();
    const witnessed = await this.cosigned.newest();
    const isWitnessed =
      witnessed !== undefined && index < witnessed.size && witnessed.size <= newest.size;
    const { size, checkpoint } = isWitnessed ? witnessed : newest;
    const proof = await this.tree(size).inclusionProof(index).catch(asNotFound);
    return formatProofFile({ index, proof, checkpoint });
  }

  /** The newest checkpoint with the proof that its tree continues that of an older size. */
  async consistency(
    oldSize: number,
  ): Promise<SignedHead & { readonly proof: readonly Uint8Array[] }> {
    const head = await this.#head();
    const proof = await this.tree(head.size).consistencyProof(oldSize).catch(asNotFound);
    return { ...head, proof };
  }

  /** Computes roots and proofs of the tree at a size that the log has or had. */
  tree(size: number): TreeReader {
    return new TreeReader(size, async (address) => this.tile(address));
  }

  async #head(): Promise<SignedHead> {
    const head = await this.rollbackDetector.newestHead();
    if (head) return head;
    const empty = { origin: this.settings.origin, size: 0, root: emptyRoot() };
    return { size: 0, checkpoint: signCheckpoint(empty, await this.signers.current()) };
  }

  async #bundle({ index, width }: Omit<TileAddress, 'level'>): Promise<Buffer> {
    const from = index * TILE_WIDTH;
    const rows = await this.entries.byIndex(from, from + width);
    if (rows.length !== width) {
      if (from < (await this.entries.retiredBelow())) throw new AuditEntryRetired();
      throw new AuditUnavailable({ cause: new LogDamaged('entries are missing') });
    }
    return bufferOf(encodeEntryBundle(rows.map(({ leaf }) => leaf)));
  }
}

function requireResource(path: string): TileResource {
  try {
    return parseTilePath(path);
  } catch (error) {
    if (error instanceof MalformedTilePath) throw new AuditEntryNotFound();
    throw error;
  }
}

function asNotFound(error: unknown): never {
  throw error instanceof OutOfRange ? new AuditEntryNotFound() : error;
}
