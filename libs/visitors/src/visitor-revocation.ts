import { Injectable } from '@nestjs/common';
import { AuditTrail, recordingRefusal } from '#libs/audit';
import {
  MassRevocationService,
  type RevocationForecast,
  type StartedRevocation,
} from '#libs/identity-mapping';
import type { CallContext, CanonicalName } from '#libs/platform';
import { InvitationNotFound } from './errors.js';
import { InvitationStore } from './store/invitation-store.js';

/** Mass revocations of the visitors of an invitation. */
@Injectable()
export class VisitorRevocation {
  constructor(
    private readonly store: InvitationStore,
    private readonly revocations: MassRevocationService,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * How many identities the invitation has let in that are not deleted. Recorded; changes nothing.
   *
   * @param tenant of the caller; `any` for operators
   * @throws InvitationNotFound for another tenant's invitation as for a missing one
   */
  async forecast(
    invitation: string,
    tenant: CanonicalName | 'any',
    context: CallContext,
  ): Promise<RevocationForecast> {
    const owner = await this.#requireTenant(invitation, tenant, context);
    const subjects = await this.store.admitted(invitation);
    const filter = { tenant: owner, invitation };
    return this.revocations.forecast(filter, context, { tenant: owner, subjects });
  }

  /**
   * Ends the invitation, and starts the revocation of the tokens of everybody it has let in. Their
   * identities are deleted when they are due, as without it.
   *
   * @param tenant of the caller; `any` for operators
   * @throws InvitationNotFound for another tenant's invitation as for a missing one
   */
  async start(
    { invitation, reason }: { readonly invitation: string; readonly reason: string },
    tenant: CanonicalName | 'any',
    context: CallContext,
  ): Promise<StartedRevocation> {
    const owner = await this.#requireTenant(invitation, tenant, context);
    const request = { filter: { tenant: owner, invitation }, reason };
    return this.revocations.start(request, context, {
      known: { tenant: owner, subjects: await this.store.admitted(invitation) },
      select: async (transaction) => ({
        tenant: owner,
        subjects: await this.store.close(invitation, owner, transaction),
      }),
    });
  }

  /** @returns the tenant of the invitation. Records the refusal of one that the caller may not see. */
  async #requireTenant(
    invitation: string,
    tenant: CanonicalName | 'any',
    context: CallContext,
  ): Promise<CanonicalName> {
    const target = { kind: 'invitation', ...(tenant !== 'any' && { tenant }), subject: invitation };
    const access = { action: 'revocation.start', target } as const;
    return recordingRefusal(this.audit, access, context, async () => {
      const owner = await this.store.tenantOf(invitation);
      if (owner === undefined || (tenant !== 'any' && owner !== tenant)) {
        throw new InvitationNotFound();
      }
      return owner;
    });
  }
}
