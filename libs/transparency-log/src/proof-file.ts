import { decodeBase64, parseDecimal } from './canonical-text.js';
import { openCheckpoint, type CheckpointTrust, type OpenedCheckpoint } from './checkpoint.js';
import { MalformedProofFile } from './errors.js';
import { hashBytes, hashLeaf } from './hashing.js';
import { maxNoteBytes, parseNote } from './signed-note.js';
import { verifyInclusion } from './verify-proof.js';

/** What a `.tlog-proof` file holds: all that it takes to check one entry offline. */
export interface ProofFile {
  readonly index: number;
  /** The hashes from the leaf's sibling up. */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string;
  /** Anything the application adds. Nothing vouches for it. */
  readonly extra?: Uint8Array;
}

const header = 'c2sp.org/tlog-proof@v1';
/** A tree of 2^63 leaves has no longer proofs. */
const maxProofHashes = 63;

/**
 * Writes a proof file (C2SP tlog-proof).
 *
 * @throws MalformedProofFile or MalformedNote unless `parseProofFile` can read it back.
 */
export function formatProofFile({ index, proof, checkpoint, extra }: ProofFile): string {
  const lines = [header];
  if (extra !== undefined) {
    lines.push(`extra ${Buffer.from(extra).toString('base64')}`);
  }
  lines.push(`index ${index}`);
  lines.push(...proof.map((hash) => Buffer.from(hash).toString('base64')));
  const file = `${lines.join('\n')}\n\n${checkpoint}`;
  parseProofFile(file);
  return file;
}

/**
 * Reads a proof file without verifying it.
 *
 * @throws MalformedProofFile for any other form, also above 1 MiB.
 * @throws MalformedNote when what should be the checkpoint is not a signed note.
 */
export function parseProofFile(file: string): ProofFile {
  const blankLine = file.indexOf('\n\n');
  if (blankLine < 0 || file.length > maxNoteBytes) {
    throw new MalformedProofFile('a proof file is lines, a blank line and a checkpoint');
  }
  const checkpoint = file.slice(blankLine + 2);
  const [first, ...rest] = file.slice(0, blankLine).split('\n');
  const extraLine = rest[0]?.startsWith('extra ') === true ? rest.shift() : undefined;
  const [indexLine, ...hashLines] = rest;
  const index = parseDecimal(/^index (.+)$/.exec(indexLine ?? '')?.[1] ?? '');
  if (first !== header || index === undefined || hashLines.length > maxProofHashes) {
    throw new MalformedProofFile('the header, the index or the number of hashes is not right');
  }
  const proof = hashLines.map((line) => requireBytes(decodeBase64(line), hashBytes));
  parseNote(checkpoint);
  if (extraLine === undefined) {
    return { index, proof, checkpoint };
  }
  const extra = requireBytes(decodeBase64(extraLine.slice('extra '.length)));
  return { index, proof, checkpoint, extra };
}

/**
 * Checks that the log holds exactly this entry, where the file says.
 *
 * @returns the verified checkpoint, and the statements of known witnesses: requiring enough of them
 *   is up to the caller.
 * @throws ProofMismatch when the entry is not there; else as `parseProofFile` and `openCheckpoint`.
 */
export function verifyProofFile(
  file: string,
  entry: Uint8Array,
  trust: CheckpointTrust,
): OpenedCheckpoint & { readonly index: number } {
  const { index, proof, checkpoint: note } = parseProofFile(file);
  const opened = openCheckpoint(note, trust);
  const { size, root } = opened.checkpoint;
  verifyInclusion({ index, size, leafHash: hashLeaf(entry), proof, root });
  return { ...opened, index };
}

function requireBytes(bytes: Buffer | undefined, length = bytes?.length): Buffer {
  if (bytes === undefined || bytes.length === 0 || bytes.length !== length) {
    throw new MalformedProofFile('a hash or the extra data is not base64 of the right length');
  }
  return bytes;
}
