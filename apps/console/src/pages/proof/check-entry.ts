import {
  hashLeaf,
  hashNode,
  inclusionSteps,
  MalformedTile,
  parseProofFile,
  ProofMismatch,
  TransparencyLogError,
  type TileReader,
  tileWidthAt,
  type TreeHead,
  TreeReader,
  verifyInclusion,
} from '#libs/transparency-log';
import { continues, isSame, type LogFault, open } from './check-log.js';

/** One combination of hashes on the way from an entry to the root. */
export interface PathStep {
  readonly side: 'left' | 'right';
  readonly sibling: Uint8Array;
  readonly result: Uint8Array;
}

export type EntryVerdict =
  | {
      readonly is: 'included';
      /** Of the log that the proof is for: that of the newest checkpoint begins with it. */
      readonly size: number;
      readonly leafHash: Uint8Array;
      readonly path: readonly PathStep[];
    }
  | { readonly is: 'edited'; readonly leafHash: Uint8Array; readonly committed: Uint8Array }
  | { readonly is: LogFault };

/** An entry and its proof, as the service returned them: nothing of it is trusted. */
export interface ProvedEntry {
  readonly index: number;
  /** The canonical text. */
  readonly canonical: string;
  /** The `.tlog-proof` file. */
  readonly proof: string;
}

const HASH_BYTES = 32;
const TILE_WIDTH = 256;

/**
 * Checks that the log has an entry, byte by byte, at its index.
 *
 * @param head the newest checkpoint, verified
 * @param readTile of the log of that checkpoint; not trusted
 */
export async function checkEntry(
  { index, canonical, proof: file }: ProvedEntry,
  keys: string,
  head: TreeHead,
  readTile: TileReader,
): Promise<EntryVerdict> {
  const parsed = parsedProof(file);
  if (parsed?.index !== index) return { is: 'cut' };
  const signed = open(parsed.checkpoint, keys);
  if (signed.is !== 'whole') return { is: signed.is };
  const { size, root } = signed.checkpoint;
  const continued = await continues({ size, root }, head, readTile);
  if (continued !== 'continued') return { is: continued };
  const leafHash = hashLeaf(new TextEncoder().encode(canonical));
  const { proof } = parsed;
  if (index >= size || proof.length !== inclusionSteps(index, size).length) return { is: 'cut' };
  if (isIncluded(index, { size, root }, leafHash, proof))
    return { is: 'included', size, leafHash, path: pathOf(index, size, leafHash, proof) };
  // Of the entry and its proof one is wrong. The tiles, if they lead to the signed root, say which.
  const committed = await committedHash(index, head, readTile);
  return committed === undefined || isSame(committed, leafHash)
    ? { is: 'cut' }
    : { is: 'edited', leafHash, committed };
}

/** The hash of an entry that a signed log has. @returns `undefined` when the tiles don't prove one */
async function committedHash(
  index: number,
  head: TreeHead,
  readTile: TileReader,
): Promise<Uint8Array | undefined> {
  const tile = Math.floor(index / TILE_WIDTH);
  const start = (index % TILE_WIDTH) * HASH_BYTES;
  try {
    const width = tileWidthAt(0, tile, head.size);
    const leafHash = (await readTile({ level: 0, index: tile, width })).slice(
      start,
      start + HASH_BYTES,
    );
    const proof = await new TreeReader(head.size, readTile).inclusionProof(index);
    return isIncluded(index, head, leafHash, proof) ? leafHash : undefined;
  } catch (error) {
    if (error instanceof MalformedTile) return undefined;
    throw error;
  }
}

function isIncluded(
  index: number,
  { size, root }: TreeHead,
  leafHash: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  try {
    verifyInclusion({ index, size, leafHash, proof, root });
    return true;
  } catch (error) {
    if (error instanceof ProofMismatch) return false;
    throw error;
  }
}

function pathOf(
  index: number,
  size: number,
  leafHash: Uint8Array,
  proof: readonly Uint8Array[],
): PathStep[] {
  let result = leafHash;
  return inclusionSteps(index, size).map(({ side }, at) => {
    const sibling = proof[at] ?? result; // verified: one for each step
    result = side === 'left' ? hashNode(sibling, result) : hashNode(result, sibling);
    return { side, sibling, result };
  });
}

function parsedProof(file: string): ReturnType<typeof parseProofFile> | undefined {
  try {
    return parseProofFile(file);
  } catch (error) {
    if (error instanceof TransparencyLogError) return undefined;
    throw error;
  }
}
