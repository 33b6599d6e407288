import { HASH_BYTES } from '#libs/transparency-log';
import { tryParseAuditEntry } from '../entry/audit-entry.js';
import type { Query } from './stored-rows.js';

/** The leaf hash of RFC 6962, of the bytes in the row. Rows that the log does not have can't hide the others. */
export const IS_IN_LOG = `sha256(decode('00', 'hex') || leaf) = (
  SELECT substring(leaf_hashes FROM (${HASH_BYTES} * (entry_index - from_size))::integer + 1 FOR ${HASH_BYTES})
  FROM audit_head WHERE size > entry_index AND from_size <= entry_index ORDER BY size LIMIT 1)`;

/** The index that the newest `audit.retain` entry of the tree names: entries below it are retired. */
export async function retiredBelowIn(query: Query): Promise<number> {
  const [row] = await query<{ entry_index: string; leaf: Buffer }>(
    `SELECT entry_index, leaf FROM audit_entry
     WHERE action = 'audit.retain' AND outcome = 'success' AND ${IS_IN_LOG}
     ORDER BY entry_index DESC LIMIT 1`,
  );
  const below = row && tryParseAuditEntry(row.leaf)?.details?.firstIndex;
  return typeof below === 'number' && below <= Number(row?.entry_index) ? below : 0;
}

/**
 * When the oldest entry that is not retired was recorded, at the latest. Read from its head: rows of entries
 * may have any time.
 *
 * @returns `undefined` for an empty log
 */
export async function oldestRetainedAt(
  query: Query,
  retiredBelow: number,
): Promise<Date | undefined> {
  const [row] = await query<{ at: Date }>(
    `SELECT recorded_at AS at FROM audit_head
     WHERE size > $1 AND from_size <= $1 AND isfinite(recorded_at) ORDER BY size LIMIT 1`,
    [retiredBelow],
  );
  return row?.at;
}
