import { ProblemError } from '@acs-identity/client';
import { parseLogKeys, tilePath, type TileReader, WitnessPolicy } from '#libs/transparency-log';
import { useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import type { Api } from '../../api/api.js';
import { useSignedIn } from '../../api/api-context.js';
import type { AuditHealth, WholeEntry } from '../../api/schemas.js';
import { wholeEntryQuery } from '../../entries/whole-entry.js';
import { checkEntry, type EntryVerdict } from './check-entry.js';
import type { LogVerdict } from './check-log.js';
import { checkNewest } from './check-newest.js';
import { checkWitnesses, type WitnessVerdict } from './check-witnesses.js';
import {
  pinKeys,
  type PinnedKeys,
  pinnedKeys,
  type PinnedPolicy,
  pinnedPolicy,
  pinPolicy,
  type SeenCheckpoint,
} from './remembered.js';

/** What the witnesses say of the log. */
export interface WitnessProof {
  readonly policy: PinnedPolicy;
  readonly verdict: WitnessVerdict;
  /** What the service says of them; absent for auditors of other tenants. */
  readonly known: AuditHealth['witnesses'];
}

/** What this browser found. */
export interface Proof {
  readonly keys: PinnedKeys;
  /** Before this check. */
  readonly seen: SeenCheckpoint | undefined;
  readonly log: LogVerdict;
  /** Absent: no policy is known, or the log itself is at fault. */
  readonly witnesses?: WitnessProof | undefined;
  /** Absent: no entry was requested, or the log itself is at fault. */
  readonly entry?: { readonly whole: WholeEntry; readonly verdict: EntryVerdict } | undefined;
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
          : await client.query({ ...wholeEntryQuery(api, entryId), staleTime: Infinity });
      const keys = pinnedKeys() ?? (await firstKeys(api, signal));
      const witnesses = await witnessesOf(api, me.audit === 'all', signal);
      const readTile = tileReader(api, signal);
      const readNote = async () => api.text('/v1/audit/log/checkpoint', { signal });
      const { seen, log } = await checkNewest(keys.lines, readNote, readTile);
      if (log.is !== 'whole') return { keys, seen, log };
      const { checkpoint } = log;
      const policy = witnesses && WitnessPolicy.parse(witnesses.policy.text);
      const checked = {
        ...{ keys, seen, log },
        witnesses: policy && {
          ...{ policy: witnesses.policy, known: witnesses.known },
          verdict: await checkWitnesses(witnesses.note, policy, keys.lines, checkpoint, readTile),
        },
      };
      if (!whole) return checked;
      const { index, canonical, proof = '' } = whole;
      const proved = { index, canonical, proof };
      const verdict = await checkEntry(proved, keys.lines, log.checkpoint, readTile);
      return { ...checked, entry: { whole, verdict } };
    },
  });
}

interface ShownWitnesses {
  readonly policy: PinnedPolicy;
  /** The newest checkpoint with a quorum, as the service has it. */
  readonly note: string | undefined;
  readonly known: AuditHealth['witnesses'];
}

/** Read before the newest checkpoint, so that it is not older than what the witnesses cosigned. */
async function witnessesOf(
  api: Api,
  isHome: boolean,
  signal: AbortSignal,
): Promise<ShownWitnesses | undefined> {
  const known = isHome
    ? (await api.json<AuditHealth>('GET', '/v1/audit/health', { signal })).witnesses
    : undefined;
  const policy = pinnedPolicy() ?? (known && firstPolicy(known.policy));
  if (!policy) return undefined;
  if (known?.hasQuorum === false) return { policy, note: undefined, known };
  try {
    const note = await api.text('/v1/audit/log/checkpoint/witnessed', { signal });
    return { policy, note, known };
  } catch (error) {
    if (!(error instanceof ProblemError) || error.status !== 404) throw error;
    return { policy, note: undefined, known };
  }
}

/** The policy that the service names, required from now on. */
function firstPolicy(text: string): PinnedPolicy {
  WitnessPolicy.parse(text);
  return pinPolicy(text, 'first visit');
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
