import { HASH_BYTES, hashLeaf } from '#libs/transparency-log';
import { tryParseAuditEntry } from '../entry/audit-entry.js';
import type { Query } from './stored-rows.js';

/** The index that the newest `audit.retain` entry of the tree names: entries below it are retired. */
export async function retiredBelowIn(query: Query): Promise<number> {
  const rows = await query<{ entry_index: string; leaf: Buffer }>(
    `SELECT entry_index, leaf FROM audit_entry
       WHERE action = 'audit.retain' AND outcome = 'success' ORDER BY entry_index DESC LIMIT 100`,
  );
  for (const { entry_index: text, leaf } of rows) {
    const index = Number(text);
    const [run] = await query<{ from_size: string; leaf_hashes: Buffer }>(
      'SELECT from_size, leaf_hashes FROM audit_head WHERE size > $1 AND from_size <= $1 ORDER BY size LIMIT 1',
      [index],
    );
    const offset = (index - Number(run?.from_size ?? 0)) * HASH_BYTES;
    const isInLog =
      run?.leaf_hashes.subarray(offset, offset + HASH_BYTES).equals(hashLeaf(leaf)) ?? false;
    const below = isInLog ? tryParseAuditEntry(leaf)?.details?.firstIndex : undefined;
    if (typeof below === 'number' && below <= index) return below;
  }
  return 0;
}
