import type { Service } from '../../support/service.js';
import type { IdentityTraffic } from './identity-traffic.js';

interface Row {
  readonly id: string;
  readonly subject: string;
  readonly status: string;
  readonly communication_user_id: string | null;
  readonly is_revoking: boolean;
  readonly token_generation: number;
}

interface Entry {
  readonly action: string;
  readonly outcome: string;
  readonly target?: { readonly identityId?: string; readonly communicationUserId?: string };
  readonly details?: {
    readonly stage?: string;
    readonly status?: string;
    readonly tokenGeneration?: number;
  };
}

/** Holds mappings, ACS, the audit log and what callers were told against each other. @returns what contradicts */
export async function checkIdentities(
  service: Service,
  traffic: IdentityTraffic,
): Promise<string[]> {
  const rows = await service.rows<Row>('SELECT * FROM mapping');
  const orphans = await service.rows<{ communication_user_id: string; deleted_at: Date | null }>(
    'SELECT communication_user_id, deleted_at FROM mapping_orphan',
  );
  const entries = (await service.auditEntries()) as unknown as Entry[]; // with more fields than the type names
  const atAcs = await service.emulator.control.listIdentities();
  const living = new Set(atAcs.filter(({ deletedAt }) => !deletedAt).map(({ id }) => id));
  const byIdentity = new Map(rows.map((row) => [row.communication_user_id, row]));
  const failures: string[] = [];
  const check = (isTrue: boolean, claim: string): void => {
    if (!isTrue) failures.push(claim);
  };

  const live = rows.filter(({ status }) => status !== 'deleted');
  check(new Set(live.map(({ subject }) => subject)).size === live.length, 'no double identity');
  for (const { subject, communicationUserId } of traffic.acknowledged) {
    const row = byIdentity.get(communicationUserId);
    check(row?.subject === subject, `acknowledged ${communicationUserId} is still ${subject}'s`);
  }
  for (const id of traffic.imported)
    check(
      rows.some((row) => row.id === id),
      `imported ${id} is stored`,
    );
  for (const id of traffic.deleted) {
    const row = rows.find((one) => one.id === id);
    check(row?.status === 'deleted', `${id}, said to be deleted, is`);
  }
  for (const { id, status, communication_user_id: identity } of rows) {
    if (!identity || traffic.linked.has(identity)) continue;
    if (status === 'active' || status === 'suspended') {
      check(living.has(identity), `ACS knows the identity of ${status} mapping ${id}`);
    } else check(!living.has(identity), `ACS has deleted the identity of ${status} mapping ${id}`);
  }
  for (const { communication_user_id: orphan, deleted_at: deletedAt } of orphans) {
    check(deletedAt !== null && !living.has(orphan), `orphan ${orphan} is deleted`);
  }
  const unknown = entries.filter(({ action }) => action === 'identity.outcome-unknown').length;
  const unmapped = [...living].filter((identity) => !byIdentity.has(identity)).length;
  check(unmapped <= unknown, `${unmapped} identities without a mapping, ${unknown} recorded`);

  for (const row of rows) {
    const own = entries.filter(({ target }) => target?.identityId === row.id);
    const told = replay(own);
    check(told.status === row.status, `${row.id} is ${row.status}, the log says ${told.status}`);
    check(told.births <= 1, `${row.id} has got ${told.births} identities`);
    check(
      told.identity === (row.communication_user_id ?? undefined),
      `${row.id} has the identity that the log names`,
    );
    check(told.isRevoking === row.is_revoking, `${row.id} owes what the log says`);
    check(
      told.generation === row.token_generation || row.status === 'deleted',
      `${row.id} is of the generation that the log names`,
    );
  }
  console.log(
    `${rows.length} mappings, ${atAcs.length} identities at ACS (${unmapped} of them recorded as unknown outcomes, ${unknown} records), ${orphans.length} orphans deleted, ${entries.length} audit entries`,
  );
  return failures;
}

/** The state that entries of one mapping tell, read in the order of the log. */
function replay(entries: readonly Entry[]): {
  status: string;
  births: number;
  identity: string | undefined;
  isRevoking: boolean;
  generation: number;
} {
  const told = {
    status: 'pending',
    births: 0,
    identity: undefined as string | undefined,
    isRevoking: false,
    generation: 1,
  };
  for (const { action, outcome, target, details } of entries) {
    if (outcome !== 'success') continue;
    // An orphan's deletion names the mapping that it was made for, and another identity.
    const isOther = told.identity !== undefined && target?.communicationUserId !== told.identity;
    switch (action) {
      case 'identity.create':
      case 'identity.link':
        told.births += 1;
        told.identity = target?.communicationUserId;
        told.status = details?.status ?? 'active';
        break;
      case 'identity.suspend':
      case 'token.revoke':
        if (action === 'identity.suspend') told.status = 'suspended';
        told.isRevoking = details?.stage === 'requested';
        told.generation = details?.tokenGeneration ?? told.generation;
        break;
      case 'identity.resume':
        told.status = 'active';
        break;
      case 'identity.delete':
        if (isOther || details?.stage === undefined) break;
        told.status = details.stage === 'confirmed' ? 'deleted' : 'deleting';
        told.isRevoking = false;
        break;
      default:
    }
  }
  return told;
}
