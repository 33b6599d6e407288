import type { TileReader, WitnessPolicy } from '#libs/transparency-log';
import { continues, open, type SignedCheckpoint } from './check-log.js';

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
  | {
      readonly is: 'witnessed' | 'no-quorum';
      readonly size: number;
      readonly cosigned: readonly CosignedBy[];
    };

/**
 * Checks that a quorum of witnesses cosigned a checkpoint with which the log begins.
 *
 * @param note with the cosignatures; not trusted
 * @param keys of the log, as `parseLogKeys` reads them
 * @param newest of the log, verified, and not older than the note
 */
export async function checkWitnesses(
  note: string | undefined,
  policy: WitnessPolicy,
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
  return {
    is: relation === 'continued' && policy.isMet(cosignatures) ? 'witnessed' : 'no-quorum',
    size,
    cosigned: policy.witnesses.map(({ name }) => ({ name, at: times.get(name) })),
  };
}
