import {
  type Checkpoint,
  InvalidSignature,
  MalformedTile,
  openCheckpoint,
  parseCheckpoint,
  parseLogKeys,
  parseNote,
  ProofMismatch,
  TransparencyLogError,
  type TileReader,
  tileWidthAt,
  type TreeHead,
  TreeReader,
  UnverifiedNote,
  verifyContinuation,
} from '#libs/transparency-log';

/** What is wrong with a log. Each has a message of its own. */
export type LogFault =
  | 'rolled-back'
  | 'forked'
  | 'other-key'
  | 'false-signature'
  | 'other-log'
  | 'unreadable'
  | 'cut';

/** A checkpoint whose signature was verified. */
export interface SignedCheckpoint extends Checkpoint {
  /** As the log signed it. */
  readonly note: string;
  /** Of the trusted key that signed it. */
  readonly keyId: string;
}

export type LogVerdict =
  | { readonly is: 'whole'; readonly checkpoint: SignedCheckpoint }
  | {
      readonly is: LogFault;
      /** As it was received. */
      readonly note: string;
      /** What it says, which is not proved when the signature is at fault. */
      readonly claims?: Checkpoint;
    };

/** The origin of the log that keys belong to. @param keys lines, as `parseLogKeys` reads them */
export function originOf(keys: string): string {
  const { verifiers, retired } = parseLogKeys(keys.split('\n'));
  return (verifiers[0] ?? retired[0]?.verifier)?.name ?? '';
}

/** The ids of keys that are in use: signature lines have them too. */
export function keyIdsOf(keys: string): string[] {
  return parseLogKeys(keys.split('\n')).verifiers.map(({ keyId }) => keyId);
}

/**
 * Checks that a trusted key signed a checkpoint, and that its log continues an earlier one.
 *
 * @param keys lines, as `parseLogKeys` reads them
 * @param seen what this browser verified before
 * @param readTile of the log of the checkpoint; not trusted
 */
export async function checkLog(
  note: string,
  keys: string,
  seen: TreeHead | undefined,
  readTile: TileReader,
): Promise<LogVerdict> {
  const opened = open(note, keys);
  if (opened.is !== 'whole' || !seen) return opened;
  const { checkpoint } = opened;
  const is = await continues(seen, checkpoint, readTile);
  return is === 'continued' ? opened : { is, note, claims: checkpoint };
}

/** Whether a log begins with an older one, or why not. Both heads must be of verified checkpoints. */
export async function continues(
  older: TreeHead,
  newer: TreeHead,
  readTile: TileReader,
): Promise<'continued' | 'rolled-back' | 'forked' | 'cut'> {
  if (older.size > newer.size) return 'rolled-back';
  const reader = new TreeReader(older.size, async ({ level, index }) =>
    readTile({ level, index, width: tileWidthAt(level, index, newer.size) }),
  );
  try {
    // The root of that size in the log as it is served. That it is served so is proved next.
    const root = await reader.root();
    await verifyContinuation({ size: older.size, root }, newer, readTile);
    return isSame(root, older.root) ? 'continued' : 'forked';
  } catch (error) {
    if (error instanceof ProofMismatch || error instanceof MalformedTile) return 'cut';
    throw error;
  }
}

export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** Verifies the signature of a checkpoint. */
export function open(note: string, keys: string): LogVerdict {
  const origin = originOf(keys);
  try {
    const trust = { origin, ...parseLogKeys(keys.split('\n')) };
    const { checkpoint } = openCheckpoint(note, trust);
    const trusted = [...trust.verifiers, ...trust.retired.map(({ verifier }) => verifier)];
    const { signatures } = parseNote(note);
    const keyId =
      signatures.find((one) => trusted.some((verifier) => verifier.claims(one)))?.keyId ?? '';
    return { is: 'whole', checkpoint: { ...checkpoint, note, keyId } };
  } catch (error) {
    if (!(error instanceof TransparencyLogError)) throw error;
    const claims = claimsOf(note);
    if (!claims) return { is: 'unreadable', note };
    if (claims.origin !== origin) return { is: 'other-log', note, claims };
    if (error instanceof UnverifiedNote) return { is: 'other-key', note, claims };
    return {
      is: error instanceof InvalidSignature ? 'false-signature' : 'unreadable',
      note,
      claims,
    };
  }
}

function claimsOf(note: string): Checkpoint | undefined {
  try {
    return parseCheckpoint(parseNote(note).text);
  } catch {
    return undefined;
  }
}
