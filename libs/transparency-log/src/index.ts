export { formatAddCheckpoint, parseAddCheckpoint, type AddCheckpoint } from './add-checkpoint.js';
export { formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from './checkpoint.js';
export type {
  Checkpoint,
  CheckpointTrust,
  Cosignature,
  OpenedCheckpoint,
  RetiredKey,
} from './checkpoint.js';
export { CompactRange, type TileHashListener } from './compact-range.js';
export { verifyContinuation } from './continuation.js';
export { decodeEntryBundle, encodeEntryBundle } from './entry-bundle.js';
export {
  EntryTooLarge,
  InvalidKey,
  InvalidPolicy,
  InvalidSignature,
  LogMismatch,
  MalformedAddCheckpoint,
  BeyondRetirement,
  MalformedCheckpoint,
  MalformedCompactRange,
  MalformedEntryBundle,
  MalformedHash,
  MalformedNote,
  MalformedProofFile,
  MalformedTile,
  MalformedTilePath,
  OriginMismatch,
  OutOfRange,
  ProofMismatch,
  TransparencyLogError,
  UnverifiedNote,
  type LogFault,
} from './errors.js';
export { emptyRoot, HASH_BYTES, hashLeaf, hashNode, MAX_ENTRY_BYTES } from './hashing.js';
export { formatRetiredKey, parseLogKeys } from './log-key.js';
export { Cosigner, cosignatureTime, NoteSigner } from './note-signer.js';
export { NoteVerifier, type NoteSignature, type SignatureKind } from './note-verifier.js';
export { formatProofFile, parseProofFile, verifyProofFile, type ProofFile } from './proof-file.js';
export { inclusionSteps, type ProofStep } from './proof-steps.js';
export {
  formatNote,
  formatSignatureLine,
  MAX_NOTE_BYTES,
  MAX_NOTE_SIGNATURES,
  openNote,
  parseNote,
  signNote,
  type OpenedNote,
  type ParsedNote,
} from './signed-note.js';
export { partialTilesOf, TILE_WIDTH, tileWidthAt } from './tile.js';
export type { Tile, TileAddress, TileReader } from './tile.js';
export { entriesPath, parseTilePath, tilePath, type TileResource } from './tile-path.js';
export { TreeFrontier, type Appended } from './tree-frontier.js';
export { TreeReader } from './tree-reader.js';
export { verifyLog, type LogBatch, type LogClaim, type TreeHead } from './verify-log.js';
export { verifyConsistency, verifyInclusion } from './verify-proof.js';
export type { ConsistencyClaim, InclusionClaim } from './verify-proof.js';
export { WitnessPolicy, type PolicyCosignature, type PolicyWitness } from './witness-policy.js';
