import { Inject, Injectable } from '@nestjs/common';
import { Database } from '#libs/platform';
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
import { AuditEntryNotFound, AuditEntryRetired } from './audit-log-errors.js';
import { auditSettings, type AuditSettings } from './audit-settings.js';
import { CheckpointSigners } from './checkpoint-signers.js';
import { EntryRows } from './entry-rows.js';
import { readTile } from './log-tables.js';
import { LogWatch } from './log-watch.js';

/** A signed state of the log. */
export interface SignedHead {
  readonly size: number;
  readonly checkpoint: string;
}

/** The log as its verifiers read it (C2SP tlog-tiles): checkpoint, tiles, entry bundles, proofs. */
@Injectable()
export class LogReader {
  constructor(
    private readonly database: Database,
    private readonly rows: EntryRows,
    private readonly signers: CheckpointSigners,
    private readonly watch: LogWatch,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {}

  /** The newest checkpoint, as it was signed when its entries were committed. */
  async checkpoint(): Promise<SignedHead> {
    const [row] = await this.database.query<{ size: string; checkpoint: string }>(
      'SELECT size, checkpoint FROM audit_head ORDER BY size DESC LIMIT 1',
    );
    if (!row) {
      const empty = { origin: this.settings.origin, size: 0, root: emptyRoot() };
      return { size: 0, checkpoint: signCheckpoint(empty, await this.signers.current()) };
    }
    const head = { size: Number(row.size), checkpoint: row.checkpoint };
    this.watch.saw(head);
    return head;
  }

  /**
   * The bytes of a tile or an entry bundle.
   *
   * @param path such as `tile/0/x001/234` or `tile/entries/000.p/7`
   * @throws AuditEntryNotFound for any other path, or beyond the newest checkpoint
   * @throws AuditEntryRetired for a bundle with entries that are no longer kept
   */
  async resource(path: string): Promise<Buffer> {
    const address = requireResource(path);
    const { size } = await this.checkpoint();
    const level = address.kind === 'tile' ? address.level : 0;
    if (address.width > tileWidthAt(level, address.index, size)) throw new AuditEntryNotFound();
    return address.kind === 'tile' ? this.tile(address) : this.#bundle(address);
  }

  /** The hashes of a tile that the newest tree has. */
  async tile(address: TileAddress): Promise<Buffer> {
    return this.database.run(async (manager) => readTile(manager, address));
  }

  /**
   * A `.tlog-proof` file: all that it takes to check an entry against the newest checkpoint offline.
   *
   * @throws AuditEntryNotFound beyond the log
   */
  async proofFile(index: number): Promise<string> {
    const { size, checkpoint } = await this.checkpoint();
    const proof = await this.tree(size).inclusionProof(index).catch(asNotFound);
    return formatProofFile({ index, proof, checkpoint });
  }

  /** The hashes that prove that the newest tree continues an older one, and the newest checkpoint. */
  async consistency(oldSize: number): Promise<SignedHead & { readonly proof: readonly Buffer[] }> {
    const head = await this.checkpoint();
    const proof = await this.tree(head.size).consistencyProof(oldSize).catch(asNotFound);
    return { ...head, proof };
  }

  /** Reads roots and proofs of the tree of a size that the log has or had. */
  tree(size: number): TreeReader {
    return new TreeReader(size, async (address) => this.tile(address));
  }

  async #bundle({ index, width }: Omit<TileAddress, 'level'>): Promise<Buffer> {
    const from = index * TILE_WIDTH;
    const rows = await this.rows.byIndex(from, from + width);
    if (rows.length !== width) throw new AuditEntryRetired();
    return encodeEntryBundle(rows.map(({ leaf }) => leaf));
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
