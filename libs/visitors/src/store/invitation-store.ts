import { Injectable } from '@nestjs/common';
import type { RowChange, TransactionalWrite } from '#libs/audit';
import { MappingPending } from '#libs/identity-mapping';
import {
  type CanonicalName,
  canonicalName,
  Database,
  deleteInBatches,
  type Transaction,
} from '#libs/platform';
import { InvitationNotFound, InvitationRefused, type RefusalReason } from '../errors.js';
import type { Invitation, OpenedInvitation, SignedInvitation } from '../invitation.js';
import {
  ADMIT,
  ADMITTED,
  CLAIM_DUE,
  DUE_RESOURCES,
  END_VISITORS,
  RELEASE,
  TAKE,
} from './statements.js';

/** A visitor whose identity is to be deleted, if it has one. */
export interface DueVisitor {
  readonly id: string;
  readonly tenant: CanonicalName;
  /** Whether a token was released to it. */
  readonly isAdmitted: boolean;
  readonly ageMs: number;
}

/** Rows of which nothing is left to do stay for this time. The audit log has what they say. */
export const RETENTION_DAYS = 30;
const RETENTION = `interval '${RETENTION_DAYS} days'`;

/**
 * Invitations and their visitors in PostgreSQL, by its clock.
 *
 * A use is taken before ACS is called, so that an invitation that is used up costs no call, and under a
 * lease, so that the use of a process that died is returned. It becomes final in the transaction that
 * records the token: a lease that has ended meanwhile lets no token out. Uses are never exceeded.
 */
@Injectable()
export class InvitationStore {
  constructor(private readonly database: Database) {}

  add(invitation: Invitation, { hash, keyVersion }: SignedInvitation): TransactionalWrite {
    const { id, tenant, meeting, scopes, maxUses, expiresAt } = invitation;
    return async (transaction) => {
      await transaction.query(
        `INSERT INTO invitation
           (id, tenant, hash, key_version, meeting, scopes, max_uses, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [id, tenant, hash, keyVersion, meeting, scopes, maxUses, expiresAt],
      );
    };
  }

  /** The versions of the key that invitations are signed with which have not expired. */
  async keyVersions(): Promise<readonly string[]> {
    const rows = await this.database.query<{ version: string }>(
      `SELECT DISTINCT key_version AS version FROM invitation WHERE expires_at > now()`,
    );
    return rows.map(({ version }) => version);
  }

  /**
   * Takes one use for a visitor, under a lease.
   *
   * @throws InvitationRefused
   */
  async take(
    { id, hash }: OpenedInvitation,
    visitor: { readonly id: string; readonly leaseMs: number },
  ): Promise<Invitation> {
    const parameters = [id, hash, visitor.id, visitor.leaseMs];
    const [taken] = await this.database.query<Invitation>(TAKE, parameters);
    if (taken) return taken;
    throw new InvitationRefused(await this.#refusalOf(id, hash), id);
  }

  /**
   * Makes the use of a visitor final: its identity is deleted at that time. Rejects with `MappingPending`
   * when its lease has ended, or the invitation: the next attempt learns which.
   */
  admit(visitorId: string, deleteAt: Date): RowChange {
    return {
      name: 'visitor_admit',
      text: ADMIT,
      row: [visitorId, deleteAt],
      reject: () => new MappingPending(),
    };
  }

  /** Returns the use of a visitor that got no token. What it may have left at ACS is due at once. */
  async release(visitorId: string): Promise<void> {
    await this.database.query(RELEASE, [visitorId]);
  }

  /**
   * Ends an invitation; the identities of its visitors are due at once. Rejects with `InvitationNotFound`
   * when the tenant has no such invitation, or it has ended.
   */
  end(id: string, tenant: CanonicalName): TransactionalWrite {
    return async (transaction) => {
      // In the order in which the other statements lock: visitors, then their invitation.
      const [, due] = await transaction.query<[unknown[], number]>(END_VISITORS, [id, tenant]);
      const [ended] = await transaction.query<[unknown[], number]>(
        `UPDATE invitation SET ended_at = clock_timestamp()
         WHERE id = $1 AND tenant = $2 AND ended_at IS NULL RETURNING id`,
        [id, tenant],
      );
      // A mass revocation has ended it, and has left the identities until they are due.
      if (ended.length === 0 && due === 0) throw new InvitationNotFound();
    };
  }

  /** @returns the tenant of the invitation, if there is one */
  async tenantOf(id: string): Promise<CanonicalName | undefined> {
    const [row] = await this.database.query<{ tenant: CanonicalName }>(
      'SELECT tenant FROM invitation WHERE id = $1',
      [id],
    );
    return row?.tenant;
  }

  /** @returns the visitors that the invitation has let in: the subjects of their identities */
  async admitted(id: string): Promise<readonly CanonicalName[]> {
    return subjectsOf(await this.database.query<VisitorRow>(ADMITTED, [id]));
  }

  /**
   * Lets nobody in any more, from the commit of the transaction.
   *
   * @returns the visitors that have been let in
   * @throws InvitationNotFound
   */
  async close(
    id: string,
    tenant: CanonicalName,
    transaction: Transaction,
  ): Promise<readonly CanonicalName[]> {
    const [closed] = await transaction.query<[unknown[], number]>(
      `UPDATE invitation SET ended_at = coalesce(ended_at, clock_timestamp())
       WHERE id = $1 AND tenant = $2 RETURNING id`,
      [id, tenant],
    );
    if (closed.length === 0) throw new InvitationNotFound();
    return subjectsOf(await transaction.query<VisitorRow[]>(ADMITTED, [id]));
  }

  async hasEnded(id: string, tenant: CanonicalName): Promise<boolean> {
    const rows = await this.database.query<unknown>(
      'SELECT id FROM invitation WHERE id = $1 AND tenant = $2 AND ended_at IS NOT NULL',
      [id, tenant],
    );
    return rows.length > 0;
  }

  /** @returns the names of the ACS resources of visitors that are due; an empty one for those without identity */
  async dueResources(): Promise<readonly string[]> {
    const rows = await this.database.query<{ resource: string }>(DUE_RESOURCES);
    return rows.map(({ resource }) => resource);
  }

  /** Takes over visitors of a resource that are due, for a time. Of workers that race, each gets others. */
  async claimDue(
    resource: string,
    limit: number,
    durationMs: number,
  ): Promise<readonly DueVisitor[]> {
    return this.database.query<DueVisitor>(CLAIM_DUE, [limit, durationMs, resource]);
  }

  /** Nothing is left to do for the visitor. */
  async finish(visitorId: string): Promise<void> {
    await this.database.query('UPDATE visitor SET due_at = NULL WHERE id = $1', [visitorId]);
  }

  async postpone(visitorId: string, durationMs: number): Promise<void> {
    await this.database.query(
      `UPDATE visitor SET due_at = clock_timestamp() + $2 * interval '1 ms' WHERE id = $1`,
      [visitorId, durationMs],
    );
  }

  /** Deletes what has been over for long. */
  async sweep(signal?: AbortSignal): Promise<void> {
    const old = `< now() - ${RETENTION}`;
    const parameters: readonly unknown[] = [];
    const visitors = { table: 'visitor', condition: `due_at IS NULL AND created_at ${old}` };
    await deleteInBatches(this.database, { ...visitors, parameters }, signal);
    const invitations = {
      table: 'invitation',
      condition: `expires_at ${old}
        AND NOT EXISTS (SELECT FROM visitor WHERE invitation_id = invitation.id)`,
    };
    await deleteInBatches(this.database, { ...invitations, parameters }, signal);
  }

  async #refusalOf(id: string, hash: Buffer): Promise<RefusalReason> {
    const [row] = await this.database.query<{ reason: RefusalReason }>(
      `SELECT CASE WHEN ended_at IS NOT NULL THEN 'ended'
                   WHEN expires_at <= clock_timestamp() THEN 'expired' ELSE 'used-up' END AS reason
       FROM invitation WHERE id = $1 AND hash = $2`,
      [id, hash],
    );
    return row?.reason ?? 'unknown';
  }
}

interface VisitorRow {
  readonly id: string;
}

function subjectsOf(rows: readonly VisitorRow[]): readonly CanonicalName[] {
  return rows.map(({ id }) => canonicalName(id));
}
