import { Injectable } from '@nestjs/common';
import {
  auditActorOf,
  type AuditReceipt,
  type AuditTarget,
  AuditTrail,
  recordingRefusal,
} from '#libs/audit';
import { type CallContext, Clock, type Principal } from '#libs/platform';
import { type Decision, type Grant, IssuancePolicies } from '#libs/token-issuance';
import { InvitationNotFound } from './errors.js';
import type { Invitation } from './invitation.js';
import { InvitationSigner } from './invitation-signer.js';
import { InvitationStore } from './store/invitation-store.js';

export interface InvitationRequest {
  /** How many visitors it lets in. */
  readonly uses: number;
  readonly expiresInMinutes: number;
  /** Default: those of the policy. */
  readonly scopes?: readonly string[] | undefined;
  readonly meeting: string;
}

/** A new invitation. */
export interface IssuedInvitation extends Invitation {
  /** What the visitors get. It can't be read again. */
  readonly text: string;
  readonly auditEntry: AuditReceipt;
}

/** Makes and ends invitations of visitors. */
@Injectable()
export class InvitationsService {
  constructor(
    private readonly policies: IssuancePolicies,
    private readonly signer: InvitationSigner,
    private readonly store: InvitationStore,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
  ) {}

  /**
   * Makes an invitation of the caller's tenant.
   *
   * @throws NoRuleApplies, ScopesNotAllowed when the policy would not give these scopes to a visitor
   */
  async create(
    { uses, expiresInMinutes, scopes: wanted, meeting }: InvitationRequest,
    context: CallContext<Principal>,
  ): Promise<IssuedInvitation> {
    const { tenant } = context.actor;
    const access = { action: 'invitation.create', target: { tenant } } as const;
    const visitor = { kind: 'visitor', tenant, permissions: [], isGuest: true } as const;
    const decision = this.policies.current.decide(
      { ...visitor, isForOthers: false },
      { scopes: wanted },
    );
    const { scopes } = await recordingRefusal(this.audit, access, context, async () =>
      grantOf(decision),
    );
    const seconds = Math.floor(this.clock.now() / 1_000) + expiresInMinutes * 60;
    const expiresAt = new Date(seconds * 1_000);
    const signed = await this.signer.sign(expiresAt);
    const { id, text } = signed;
    const invitation = { id, tenant, meeting, scopes, maxUses: uses, expiresAt };
    const auditEntry = await this.audit.record(
      {
        action: 'invitation.create',
        outcome: 'success',
        ...auditActorOf(context),
        target: targetOf(invitation),
        policy: { rule: decision.rule ?? 'none', version: decision.version },
        details: { uses, scopes, meeting, expiresAt: expiresAt.toISOString() },
      },
      this.store.add(invitation, signed),
    );
    return { ...invitation, text, auditEntry };
  }

  /**
   * Ends an invitation: it lets nobody in from the commit of its entry, and the identities of its visitors
   * are deleted at ACS, which revokes their tokens. Safe to repeat.
   *
   * @throws InvitationNotFound for another tenant's invitation as for a missing one
   */
  async end(id: string, context: CallContext<Principal>): Promise<void> {
    const { tenant } = context.actor;
    const target = targetOf({ id, tenant });
    const access = { action: 'invitation.end', target } as const;
    await recordingRefusal(this.audit, access, context, async () => {
      const event = { ...access, outcome: 'success', ...auditActorOf(context) } as const;
      try {
        await this.audit.record(event, this.store.end(id, tenant));
      } catch (error) {
        const isRepeated =
          error instanceof InvitationNotFound && (await this.store.hasEnded(id, tenant));
        if (!isRepeated) throw error;
      }
    });
  }
}

/** @throws NoRuleApplies, ScopesNotAllowed */
async function grantOf(decision: Decision): Promise<Grant> {
  if ('refusal' in decision) throw decision.refusal;
  return Promise.resolve(decision.grant);
}

/** The invitation in an audit entry: entries of its visitors have it as the subject of their actor. */
function targetOf({ id, tenant }: Pick<Invitation, 'id' | 'tenant'>): AuditTarget {
  return { kind: 'invitation', tenant, subject: id };
}
