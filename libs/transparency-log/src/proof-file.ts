import { decodeBase64, encodeBase64, parseDecimal } from './canonical-text.js';
import { openCheckpoint, type CheckpointTrust, type OpenedCheckpoint } from './checkpoint.js';
import { MalformedProofFile } from './errors.js';
import { HASH_BYTES, hashLeaf } from './hashing.js';
import { MAX_NOTE_BYTES, parseNote } from './signed-note.js';
import { verifyInclusion } from './verify-proof.js';

/** The content of a `.tlog-proof` file, which proves offline that a log contains an entry. */
export interface ProofFile {
  readonly index: number;
  /** The inclusion proof: hashes from the leaf's sibling upwards. */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string;
  /** Application data. Not authenticated. */
  readonly extra?: Uint8Array;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
/** The longest inclusion proof in a tree of 2^63 leaves. */
const MAX_PROOF_HASHES = 63;

/**
 * Formats a proof file (C2SP tlog-proof).
 *
 * @throws MalformedProofFile or MalformedNote unless `parseProofFile` accepts the result.
 */
export function formatProofFile({ index, proof, checkpoint, extra }: ProofFile): string {
  const lines = [HEADER];
  if (extra !== undefined) {
    lines.push(`extra ${encodeBase64(extra)}`);
  }
  lines.push(`index ${index}`);
  lines.push(...proof.map(encodeBase64));
  const file = `${lines.join('\n')}\n\n${checkpoint}`;
  parseProofFile(file);
  return file;
}

/**
 * Parses a proof file without verifying it.
 *
 * @throws MalformedProofFile for any other form, or more than 1 MiB.
 * @throws MalformedNote when the checkpoint is not a signed note.
 */
export function parseProofFile(file: string): ProofFile {
  const blankLine = file.indexOf('\n\n');
  if (blankLine < 0 || file.length > MAX_NOTE_BYTES) {
    throw new MalformedProofFile('a proof file is lines, a blank line and a checkpoint');
  }
  const checkpoint = file.slice(blankLine + 2);
  const [first, ...rest] = file.slice(0, blankLine).split('\n');
  const extraLine = rest[0]?.startsWith('extra ') === true ? rest.shift() : undefined;
  const [indexLine, ...hashLines] = rest;
  const index = parseDecimal(/^index (.+)$/.exec(indexLine ?? '')?.[1] ?? '');
  if (first !== HEADER || index === undefined || hashLines.length > MAX_PROOF_HASHES) {
    throw new MalformedProofFile('the header, the index or the number of hashes is invalid');
  }
  const proof = hashLines.map((line) => requireBytes(decodeBase64(line), HASH_BYTES));
  parseNote(checkpoint);
  if (extraLine === undefined) {
    return { index, proof, checkpoint };
  }
  const extra = requireBytes(decodeBase64(extraLine.slice('extra '.length)));
  return { index, proof, checkpoint, extra };
}

/**
 * Verifies that the log contains exactly this entry at the file's index.
 *
 * @returns the verified checkpoint and cosignatures. The caller decides how many cosignatures it
 *   requires.
 * @throws ProofMismatch for another entry or index.
 * @throws whatever `parseProofFile` and `openCheckpoint` throw.
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

function requireBytes(bytes: Uint8Array | undefined, length = bytes?.length): Uint8Array {
  if (bytes === undefined || bytes.length === 0 || bytes.length !== length) {
    throw new MalformedProofFile('a hash or the extra data is not base64 of the right length');
  }
  return bytes;
}
