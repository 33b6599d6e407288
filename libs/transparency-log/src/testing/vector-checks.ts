import { sha256, ed25519Signer, ed25519Verifier } from '#transparency-log/crypto';
import { equalBytes, utf8 } from '../bytes.js';
import { bytesOfHex, decodeBase64, encodeBase64, hex } from '../canonical-text.js';
import { formatCheckpoint, openCheckpoint, parseCheckpoint } from '../checkpoint.js';
import { CompactRange } from '../compact-range.js';
import { emptyRoot, hashLeaf, hashNode } from '../hashing.js';
import { cosignatureTime, NoteSigner } from '../note-signer.js';
import { cosignedMessage, NoteVerifier } from '../note-verifier.js';
import { formatNote, openNote, parseNote, signNote } from '../signed-note.js';
import { TreeFrontier } from '../tree-frontier.js';
import { TreeReader } from '../tree-reader.js';
import { verifyConsistency, verifyInclusion } from '../verify-proof.js';
import {
  CT_CONSISTENCY_PROOFS,
  CT_INCLUSION_PROOFS,
  CT_LEAVES,
  CT_ROOTS,
  GO_CHECKSUM_CHECKPOINT,
  GO_NOTE,
  RFC8032_SIGNATURES,
  SPEC_CHECKPOINT,
  SPEC_NOTE,
  WITNESSED_CHECKPOINT,
} from './vectors.js';

/**
 * Checks of the published vectors, by promise. Each throws when it does not hold. They need no test runner
 * and nothing of Node, so that the same checks run in Node and in browsers.
 */
export const VECTOR_CHECKS: Readonly<Record<string, () => void | Promise<void>>> = {
  'SHA-256 and Ed25519 give the published hash and signatures, and reject every changed bit':
    () => {
      const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
      same(hex(sha256(utf8('abc'))), abc);
      for (const { seed, publicKey, message, signature } of RFC8032_SIGNATURES) {
        const signer = ed25519Signer(seed);
        same(hex(signer.publicKey), hex(publicKey));
        same(hex(signer.sign(message)), hex(signature));
        const isSigned = ed25519Verifier(publicKey);
        same(isSigned(message, signature), true);
        for (let bit = 0; bit < signature.length * 8; bit += 7) {
          same(isSigned(message, flipped(signature, bit)), false);
        }
        same(isSigned(message, signature.subarray(1)), false);
        same(isSigned(Uint8Array.of(...message, 0), signature), false);
      }
    },

  'base64 and hexadecimal have one form for any bytes': () => {
    for (let length = 0; length <= 70; length += 1) {
      const bytes = Uint8Array.from({ length }, (_, at) => (at * 37 + length) % 256);
      const text = encodeBase64(bytes);
      same(hex(decodeBase64(text) ?? Uint8Array.of(1)), hex(bytes));
      same(hex(bytesOfHex(hex(bytes))), hex(bytes));
      for (const other of [`${text}=`, ` ${text}`, `${text}\n`, text.replace('=', ''), `${text}A`])
        if (other !== text) same(decodeBase64(other), undefined);
    }
    for (const text of [
      'AB==',
      'AAB=',
      'A===',
      '=',
      '====',
      'A',
      'AA',
      'AAA',
      'A\u00e0==',
      '-_==',
    ]) {
      same(decodeBase64(text), undefined);
    }
  },

  'hashes and roots are those of the certificate transparency leaves': () => {
    const [first = none, second = none] = CT_LEAVES;
    same(hex(hashLeaf(first)), hex(CT_ROOTS[1] ?? none));
    same(hex(hashNode(hashLeaf(first), hashLeaf(second))), hex(CT_ROOTS[2] ?? none));
    same(hex(emptyRoot()), hex(CT_ROOTS[0] ?? none));
    const range = new CompactRange();
    same(hex(range.root()), hex(CT_ROOTS[0] ?? none));
    CT_LEAVES.forEach((leaf, index) => {
      range.append(hashLeaf(leaf));
      same(hex(range.root()), hex(CT_ROOTS[index + 1] ?? none));
    });
  },

  'proofs are those of the certificate transparency leaves, and verify': async () => {
    const readTile = tilesOf(CT_LEAVES);
    for (const { index, size, proof } of CT_INCLUSION_PROOFS) {
      const made = await new TreeReader(size, readTile).inclusionProof(index);
      same(made.map(hex).join(), proof.map(hex).join());
      const leafHash = hashLeaf(CT_LEAVES[index] ?? none);
      verifyInclusion({ index, size, leafHash, proof, root: CT_ROOTS[size] ?? none });
    }
    for (const { oldSize, newSize, proof } of CT_CONSISTENCY_PROOFS) {
      const made = await new TreeReader(newSize, readTile).consistencyProof(oldSize);
      same(made.map(hex).join(), proof.map(hex).join());
      const oldRoot = CT_ROOTS[oldSize] ?? none;
      verifyConsistency({ oldSize, oldRoot, newSize, newRoot: CT_ROOTS[newSize] ?? none, proof });
    }
  },

  'notes open with their published keys': () => {
    for (const { note, verifierKey } of [SPEC_NOTE, GO_CHECKSUM_CHECKPOINT]) {
      const verifier = NoteVerifier.parse(verifierKey);
      same(verifier.toString(), verifierKey);
      const opened = openNote(note, [verifier]);
      same(opened.verified.length, 1);
      same(note.startsWith(`${opened.text}\n`), true);
    }
  },

  'notes are signed byte for byte as the Go implementation does': () => {
    const signer = new NoteSigner(GO_NOTE.name, GO_NOTE.seed);
    same(signer.verifier.toString(), GO_NOTE.verifierKey);
    same(signNote(GO_NOTE.text, [signer]), `${GO_NOTE.text}\n${GO_NOTE.signatureLine}`);
  },

  'checkpoints and cosignatures are those of the specification, byte for byte': () => {
    const { text, signatures } = parseNote(SPEC_CHECKPOINT.note);
    const checkpoint = parseCheckpoint(text);
    same(checkpoint.origin, SPEC_CHECKPOINT.origin);
    same(checkpoint.size, SPEC_CHECKPOINT.size);
    same(encodeBase64(checkpoint.root), SPEC_CHECKPOINT.root);
    same(formatCheckpoint(checkpoint), text);
    same(formatNote(text, signatures), SPEC_CHECKPOINT.note);
    const [, line] = signatures;
    same(line?.name, 'witness.example.com/w1');
    same(line && cosignatureTime(line), SPEC_CHECKPOINT.cosignedAt);
    const message = cosignedMessage(BigInt(SPEC_CHECKPOINT.cosignedAt), text);
    same(equalBytes(message, utf8(SPEC_CHECKPOINT.cosignedMessage)), true);
  },

  'a checkpoint of a public log opens with the published keys of the log and its witnesses': () => {
    const { note, origin, size, cosignedAt, logKey, witnessKeys } = WITNESSED_CHECKPOINT;
    const verifiers = [logKey, ...witnessKeys].map((key) => NoteVerifier.parse(key));
    const opened = openCheckpoint(note, { origin, verifiers });
    same(opened.checkpoint.size, size);
    same(
      JSON.stringify(opened.cosignatures),
      JSON.stringify(
        verifiers.slice(1).map(({ name }) => ({ name, timestampSeconds: cosignedAt })),
      ),
    );
  },
};

const none = new Uint8Array();

function same(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${String(actual)} is not ${String(expected)}`);
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const at = Math.floor(bit / 8);
  return bytes.with(at, (bytes[at] ?? 0) ^ (1 << (bit % 8)));
}

function tilesOf(leaves: readonly Uint8Array[]): ConstructorParameters<typeof TreeReader>[1] {
  const [tile] = TreeFrontier.empty().append(leaves.map(hashLeaf)).frontier.partialTiles;
  return () => tile?.hashes ?? none;
}
