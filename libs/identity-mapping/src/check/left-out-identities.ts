import {
  NEXT_ENTRIES_OF_CLIENT_APP,
  BEFORE_VALID_TOKENS,
  type RecordedEntry,
  type RowDifference,
  tokenRecipients,
} from '#libs/audit';
import { canonicalName, type Transaction } from '#libs/platform';
import type { RevocationFilter } from '../mass-revocation/mass-revocation.js';
import { MAY_HAVE_TOKENS } from '../mass-revocation/revocation-conditions.js';
import { hasTargets, isTargetOf, type Selection, selection } from '../mass-revocation/selection.js';
import { IDENTITY_KINDS } from '../model/mapping.js';
import type { StoredRevocation } from './revocation-rows.js';

/** Of one mass revocation: what one edit may cause for many identities. */
const MAX_IDENTITIES = 20;
/** Entries of a client application that are read by one statement, far within its timeout. */
const BATCH = 20_000;

/**
 * The identities that a recent mass revocation concerns by its entry, that may have tokens, and that it will not
 * reach: it is finished, or they are not among its targets. It finds also what was edited for a moment only.
 */
export async function identitiesLeftOut(
  transaction: Transaction,
  row: StoredRevocation,
  start: RecordedEntry,
): Promise<readonly RowDifference[]> {
  const filter = filterOf(start);
  const isOpen = row.finishedMs === null;
  // Of those that are open and have no targets, the row alone says whom they concern.
  if (!filter || !row.isRecent || (isOpen && !hasTargets(filter))) return [];
  const leftOut = (): Selection => {
    const selected = selection(filter);
    const { conditions, place } = selected;
    // A pending one gets the number of the newest mass revocation with its identity.
    conditions.push(MAY_HAVE_TOKENS, `mapping.status <> 'pending'`);
    conditions.push(`mapping.revoked_through < ${place(row.number)}`);
    if (isOpen) conditions.push(`NOT ${isTargetOf(place(row.id))}`);
    return selected;
  };
  const ids = await idsOf(transaction, filter, leftOut, start);
  return ids.slice(0, MAX_IDENTITIES).map((id) => ({
    ...{ kind: 'identity-left-out', row: row.id, entry: start.index },
    detail: `the tokens of mapping ${id} are not revoked`,
  }));
}

async function idsOf(
  transaction: Transaction,
  { clientApp, invitation }: RevocationFilter,
  leftOut: () => Selection,
  { index }: RecordedEntry,
): Promise<readonly string[]> {
  if (clientApp !== undefined) return ofClientApp(transaction, clientApp, leftOut, index);
  const selected = leftOut();
  const { conditions, place } = selected;
  if (invitation !== undefined) {
    // The identities of others are deleted, or being deleted.
    conditions.push(`mapping.status = 'active'`);
    conditions.push(`mapping.id IN (${visitors(place(invitation), place(index))})`);
  }
  return select(transaction, selected);
}

/** Batch by batch: it may have millions of entries. */
async function ofClientApp(
  transaction: Transaction,
  clientApp: string,
  leftOut: () => Selection,
  before: number,
): Promise<readonly string[]> {
  const ids = new Set<string>();
  const [valid] = await transaction.query<{ last: string }[]>(BEFORE_VALID_TOKENS);
  for (let last = Number(valid?.last); last < before && ids.size < MAX_IDENTITIES;) {
    const [batch] = await transaction.query<{ last: string; entries: number }[]>(
      NEXT_ENTRIES_OF_CLIENT_APP,
      [clientApp, last, BATCH],
    );
    if (!batch) break;
    const selected = leftOut();
    const { conditions, place } = selected;
    const range = `entry_index > ${place(last)} AND entry_index <= ${place(batch.last)}
      AND entry_index < ${place(before)}`;
    conditions.push(`mapping.id IN (${tokenRecipients(place(clientApp), range)})`);
    for (const id of await select(transaction, selected)) ids.add(id);
    last = Number(batch.last);
  }
  return [...ids];
}

async function select(
  transaction: Transaction,
  { conditions, parameters }: Selection,
): Promise<readonly string[]> {
  const rows = await transaction.query<{ id: string }[]>(
    `SELECT mapping.id FROM mapping WHERE ${conditions.join(' AND ')} LIMIT ${MAX_IDENTITIES}`,
    parameters,
  );
  return rows.map(({ id }) => id);
}

/** SQL: the ids of the identities that an invitation had let in. Both are placeholders. */
function visitors(invitation: string, before: string): string {
  return `SELECT identity_id::uuid FROM audit_entry
    WHERE actor_subject = ${invitation} AND target_subject IS NOT NULL AND action = 'token.issue'
      AND outcome = 'success' AND identity_id IS NOT NULL AND entry_index < ${before}`;
}

/** @returns `undefined` where the entry does not have it whole */
function filterOf({ entry }: RecordedEntry): RevocationFilter | undefined {
  const { details, target } = entry ?? {};
  if (!details || details.cut !== undefined) return undefined;
  const textOf = (name: string): string | undefined => {
    const value = details[name];
    return typeof value === 'string' ? value : undefined;
  };
  const nameOf = (value: string | undefined) =>
    value === undefined ? value : canonicalName(value);
  const issuedBefore = textOf('issuedBefore');
  return {
    tenant: nameOf(target?.tenant),
    clientApp: nameOf(textOf('clientApp')),
    kind: IDENTITY_KINDS.find((kind) => kind === details.kind),
    resource: textOf('resource'),
    invitation: textOf('invitation'),
    issuedBefore: issuedBefore === undefined ? undefined : new Date(issuedBefore),
  };
}
