import { decodeBase64, encodeBase64, parseDecimal } from './canonical-text.js';
import { MalformedAddCheckpoint } from './errors.js';
import { HASH_BYTES } from './hashing.js';
import { parseNote } from './signed-note.js';

/** The request by which a log asks a witness to cosign a checkpoint (C2SP tlog-witness). */
export interface AddCheckpoint {
  /** Of the checkpoint that the witness cosigned last; 0 when it has none. */
  readonly oldSize: number;
  /** The consistency proof from that size; empty from 0 and from the same size. */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string;
}

/** C2SP tlog-witness: a client must not send more. */
const MAX_PROOF_HASHES = 63;

/**
 * Formats the body of a request `add-checkpoint`.
 *
 * @throws MalformedAddCheckpoint or MalformedNote unless `parseAddCheckpoint` accepts the result.
 */
export function formatAddCheckpoint({ oldSize, proof, checkpoint }: AddCheckpoint): string {
  const lines = [`old ${oldSize}`, ...proof.map(encodeBase64)];
  const body = `${lines.join('\n')}\n\n${checkpoint}`;
  parseAddCheckpoint(body);
  return body;
}

/**
 * Parses the body of a request `add-checkpoint`. Nothing is verified.
 *
 * @throws MalformedAddCheckpoint for any other form.
 * @throws MalformedNote when the checkpoint is not a signed note.
 */
export function parseAddCheckpoint(body: string): AddCheckpoint {
  const blankLine = body.indexOf('\n\n');
  if (blankLine < 0) {
    throw new MalformedAddCheckpoint('a request is lines, a blank line and a checkpoint');
  }
  const [oldLine = '', ...hashLines] = body.slice(0, blankLine).split('\n');
  const oldSize = parseDecimal(/^old (.+)$/.exec(oldLine)?.[1] ?? '');
  if (oldSize === undefined || hashLines.length > MAX_PROOF_HASHES) {
    throw new MalformedAddCheckpoint('the old size or the number of hashes is invalid');
  }
  const proof = hashLines.map((line) => {
    const hash = decodeBase64(line);
    if (hash?.length !== HASH_BYTES) {
      throw new MalformedAddCheckpoint(`a hash is not base64 of ${HASH_BYTES} bytes`);
    }
    return hash;
  });
  const checkpoint = body.slice(blankLine + 2);
  parseNote(checkpoint);
  return { oldSize, proof, checkpoint };
}
