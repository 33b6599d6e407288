import type { TileReader, WitnessPolicy } from '#libs/transparency-log';
import { continues, open, type SignedCheckpoint } from './check-log.js';

/**
 * The service has its newest checkpoint cosigned again after five minutes, also when the log does not grow, and
 * informs its operators after this time.
 */
export const MAX_QUORUM_AGE_MS = 15 * 60_000;

/** What a witness of the policy did with the newest checkpoint that has cosignatures. */
export interface CosignedBy {
  /** In the policy. */
  readonly name: string;
  /** Milliseconds since 1970, as the witness signed it; absent: it did not cosign this checkpoint. */
  readonly at: number | undefined;
}

export type WitnessVerdict =
  /** The service shows no checkpoint with cosignatures. */
  | { readonly is: 'none' }
  /** No trusted key of the log signed the cosigned checkpoint. */
  | { readonly is: 'unsigned' }
  /** The log does not begin with what the witnesses cosigned. */
  | { readonly is: 'contradicted'; readonly size: number; readonly note: string }
  /** Hashes are missing: that the log begins with it is neither proved nor disproved. */
  | { readonly is: 'cut' }
  /** Of a quorum that is too old, nobody outside confirms what the log has added since. */
  | {
      readonly is: 'witnessed' | 'too-old' | 'no-quorum';
      readonly size: number;
      readonly cosigned: readonly CosignedBy[];
    };

/** What is checked. */
export interface Cosigned {
  /** The checkpoint with the cosignatures; not trusted. */
  readonly note: string | undefined;
  readonly policy: WitnessPolicy;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Checks that a quorum of witnesses cosigned a checkpoint with which the log begins, no longer than
 * `MAX_QUORUM_AGE_MS` ago.
 *
 * @param keys of the log, as `parseLogKeys` reads them
 * @param newest of the log, verified, and not older than the note
 */
export async function checkWitnesses(
  { note, policy, now }: Cosigned,
  keys: string,
  newest: SignedCheckpoint,
  readTile: TileReader,
): Promise<WitnessVerdict> {
  if (note === undefined) return { is: 'none' };
  const opened = open(note, keys);
  if (opened.is !== 'whole') return { is: 'unsigned' };
  const { size } = opened.checkpoint;
  const cosignatures = policy.cosignatures(note);
  const relation = await continues(opened.checkpoint, newest, readTile);
  if (relation === 'cut') return { is: 'cut' };
  // Without a cosignature it is only a statement of the log about itself.
  if (relation !== 'continued' && cosignatures.length > 0)
    return { is: 'contradicted', size, note };
  const times = new Map(
    cosignatures.map(({ witness, timestampSeconds }) => [witness.name, timestampSeconds * 1_000]),
  );
  const recent = cosignatures.filter(
    ({ timestampSeconds }) => now - timestampSeconds * 1_000 <= MAX_QUORUM_AGE_MS,
  );
  const isMet = relation === 'continued' && policy.isMet(cosignatures);
  return {
    is: !isMet ? 'no-quorum' : policy.isMet(recent) ? 'witnessed' : 'too-old',
    size,
    cosigned: policy.witnesses.map(({ name }) => ({ name, at: times.get(name) })),
  };
}
