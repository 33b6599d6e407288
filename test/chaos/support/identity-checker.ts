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

/**
 * Checks that mappings, ACS, the audit log and the responses to clients agree.
 *
 * @returns the failures
 */
export async function checkIdentities(
  service: Service,
  traffic: IdentityTraffic,
): Promise<string[]> {
  const rows = await service.rows<Row>('SELECT * FROM mapping');
  const orphans = await service.rows<{ communication_user_id: string; deleted_at: Date | null }>(
    'SELECT communication_user_id, deleted_at FROM mapping_orphan',
  );
  const entries = (await service.auditEntries()) as unknown as Entry[]; // entries have more members than their type
  const atAcs = await service.emulator.control.listIdentities();
  const living = new Set(atAcs.filter(({ deletedAt }) => !deletedAt).map(({ id }) => id));
  const byIdentity = new Map(rows.map((row) => [row.communication_user_id, row]));
  const failures: string[] = [];
  const check = (isTrue: boolean, failure: string): void => {
    if (!isTrue) failures.push(failure);
  };

  const live = rows.filter(({ status }) => status !== 'deleted');
  check(
    new Set(live.map(({ subject }) => subject)).size === live.length,
    'a subject has two identities',
  );
  for (const { subject, communicationUserId } of traffic.acknowledged) {
    const row = byIdentity.get(communicationUserId);
    check(row?.subject === subject, `acknowledged ${communicationUserId} is not ${subject}'s`);
  }
  for (const id of traffic.imported)
    check(
      rows.some((row) => row.id === id),
      `imported ${id} is not stored`,
    );
  for (const id of traffic.deleted) {
    const row = rows.find((one) => one.id === id);
    check(row?.status === 'deleted', `${id} is not deleted, as a response said`);
  }
  for (const { id, status, communication_user_id: identity } of rows) {
    if (!identity || traffic.linked.has(identity)) continue;
    if (status === 'active' || status === 'suspended') {
      check(living.has(identity), `ACS has no identity for ${status} mapping ${id}`);
    } else check(!living.has(identity), `ACS has an identity for ${status} mapping ${id}`);
  }
  for (const { communication_user_id: orphan, deleted_at: deletedAt } of orphans) {
    check(deletedAt !== null && !living.has(orphan), `orphan ${orphan} is not deleted`);
  }
  const unknown = entries.filter(({ action }) => action === 'identity.outcome-unknown').length;
  const unmapped = [...living].filter((identity) => !byIdentity.has(identity)).length;
  check(
    unmapped <= unknown,
    `${unmapped} identities without a mapping, ${unknown} unknown outcomes recorded`,
  );

  for (const row of rows) {
    const own = entries.filter(({ target }) => target?.identityId === row.id);
    const replayed = replay(own);
    check(
      replayed.status === row.status,
      `${row.id} is ${row.status}, the log says ${replayed.status}`,
    );
    check(replayed.creations <= 1, `${row.id} was given ${replayed.creations} identities`);
    check(
      replayed.identity === (row.communication_user_id ?? undefined),
      `${row.id} does not have the identity in the log`,
    );
    check(replayed.isRevoking === row.is_revoking, `${row.id}: is_revoking differs from the log`);
    check(
      replayed.generation === row.token_generation || row.status === 'deleted',
      `${row.id}: token_generation differs from the log`,
    );
  }
  console.log(
    `${rows.length} mappings, ${atAcs.length} identities at ACS (${unmapped} of them recorded as unknown outcomes, ${unknown} records), ${orphans.length} orphans deleted, ${entries.length} audit entries`,
  );
  return failures;
}

/** The state of a mapping after its entries, in the order of the log. */
function replay(entries: readonly Entry[]): {
  status: string;
  creations: number;
  identity: string | undefined;
  isRevoking: boolean;
  generation: number;
} {
  const replayed = {
    status: 'pending',
    creations: 0,
    identity: undefined as string | undefined,
    isRevoking: false,
    generation: 1,
  };
  for (const { action, outcome, target, details } of entries) {
    if (outcome !== 'success') continue;
    // The deletion of an orphan names its mapping, with another identity.
    const isOther =
      replayed.identity !== undefined && target?.communicationUserId !== replayed.identity;
    switch (action) {
      case 'identity.create':
      case 'identity.link':
        replayed.creations += 1;
        replayed.identity = target?.communicationUserId;
        replayed.status = details?.status ?? 'active';
        break;
      case 'identity.suspend':
      case 'token.revoke':
        if (action === 'identity.suspend') replayed.status = 'suspended';
        replayed.isRevoking = details?.stage === 'requested';
        replayed.generation = details?.tokenGeneration ?? replayed.generation;
        break;
      case 'identity.resume':
        replayed.status = 'active';
        break;
      case 'identity.delete':
        if (isOther || details?.stage === undefined) break;
        replayed.status = details.stage === 'confirmed' ? 'deleted' : 'deleting';
        replayed.isRevoking = false;
        break;
      default:
    }
  }
  return replayed;
}
