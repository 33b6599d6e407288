import { ProblemError } from '@acs-identity/client';
import { parseLogKeys, tilePath, type TileReader, WitnessPolicy } from '#libs/transparency-log';
import { useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import type { Api } from '../../api/api.js';
import { useSignedIn } from '../../api/api-context.js';
import type { WholeEntry } from '../../api/schemas.js';
import { wholeEntryQuery } from '../../entries/whole-entry.js';
import { checkEntry, type EntryVerdict } from './check-entry.js';
import type { LogVerdict, SignedCheckpoint } from './check-log.js';
import { checkNewest } from './check-newest.js';
import { checkWitnesses, type WitnessVerdict } from './check-witnesses.js';
import { followedBy, type Part, partOf } from './part.js';
import {
  pinKeys,
  type PinnedKeys,
  pinnedKeys,
  type PinnedPolicy,
  pinnedPolicy,
  type SeenCheckpoint,
} from './remembered.js';
import { type ShownWitnesses, shownWitnesses } from './shown-witnesses.js';

/** What the witnesses say of the log. */
export interface WitnessProof {
  readonly policy: PinnedPolicy;
  readonly verdict: WitnessVerdict;
  readonly known: ShownWitnesses['known'];
}

/** Whether the log has an entry. */
export interface EntryProof {
  readonly whole: WholeEntry;
  readonly verdict: EntryVerdict;
}

/** What this browser found. */
export interface Proof {
  readonly keys: PinnedKeys;
  /** Before this check. */
  readonly seen: SeenCheckpoint | undefined;
  readonly log: LogVerdict;
  /** Absent: the log itself is at fault. Without a value: no policy is known. */
  readonly witnesses?: Part<WitnessProof | undefined> | undefined;
  /** Absent: no entry was requested, or the log itself is at fault. */
  readonly entry?: Part<EntryProof> | undefined;
}

/**
 * Checks the log, and an entry, once for each `checkedAt`.
 *
 * @param entryId the id or the index of an entry
 */
export function useProof(entryId: string | undefined, checkedAt: number): UseQueryResult<Proof> {
  const { api, me } = useSignedIn();
  const client = useQueryClient();
  return useQuery({
    queryKey: ['proof', entryId, checkedAt],
    // A result is of its moment.
    gcTime: 0,
    queryFn: async ({ signal }): Promise<Proof> => {
      // First, because reading it adds an entry: its proof must not be of a larger log than the checkpoint.
      const whole =
        entryId === undefined
          ? undefined
          : await partOf(signal, async () =>
              client.query({ ...wholeEntryQuery(api, entryId), staleTime: Infinity }),
            );
      const keys = pinnedKeys() ?? (await firstKeys(api, signal));
      const required = pinnedPolicy();
      // Before the newest checkpoint, so that it is not older than what the witnesses cosigned.
      const shown = await partOf(signal, async () =>
        shownWitnesses(api, required, me.audit === 'all', signal),
      );
      const readTile = tileReader(api, signal);
      const readNote = async () => api.text('/v1/audit/log/checkpoint', { signal });
      const { seen, log } = await checkNewest(keys.lines, readNote, readTile);
      if (log.is !== 'whole') return { keys, seen, log };
      const { checkpoint } = log;
      const witnesses = await followedBy(shown, signal, async (found) =>
        proofOfWitnesses(found, keys.lines, checkpoint, readTile),
      );
      const entry = await followedBy(whole, signal, async (found) => {
        const { index, canonical, proof = '' } = found;
        const proved = { index, canonical, proof };
        const verdict = await checkEntry(proved, keys.lines, checkpoint, readTile);
        return { whole: found, verdict };
      });
      return { keys, seen, log, witnesses, entry };
    },
  });
}

async function proofOfWitnesses(
  { policy, note, known }: ShownWitnesses,
  keys: string,
  newest: SignedCheckpoint,
  readTile: TileReader,
): Promise<WitnessProof | undefined> {
  if (!policy) return undefined;
  const cosigned = { note, policy: WitnessPolicy.parse(policy.text), now: Date.now() };
  return { policy, known, verdict: await checkWitnesses(cosigned, keys, newest, readTile) };
}

/** The keys that the service names, trusted from now on. */
async function firstKeys(api: Api, signal: AbortSignal): Promise<PinnedKeys> {
  const lines = await api.text('/v1/audit/log/keys', { signal });
  parseLogKeys(lines.split('\n'));
  return pinKeys(lines, 'first visit');
}

/** Reads each tile once. One that the service does not have is empty, so that no proof is made of it. */
function tileReader(api: Api, signal: AbortSignal): TileReader {
  const tiles = new Map<string, Promise<Uint8Array>>();
  const read = async (path: string): Promise<Uint8Array> => {
    try {
      const response = await api.send('GET', `/v1/audit/log/${path}`, { signal });
      return new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      if (error instanceof ProblemError && error.status === 404) return new Uint8Array();
      throw error;
    }
  };
  return async (address) => {
    const path = tilePath(address);
    const tile = tiles.get(path) ?? read(path);
    tiles.set(path, tile);
    return tile;
  };
}
