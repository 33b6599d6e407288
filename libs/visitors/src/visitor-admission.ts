import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { canonicalName, Logger, type RequestContext, ServiceError } from '#libs/platform';
import { type IssuedToken, TokenIssuanceService } from '#libs/token-issuance';
import { InvitationRefused } from './errors.js';
import type { Invitation, OpenedInvitation } from './invitation.js';
import { visitorSettings, type VisitorSettings } from './settings.js';
import { InvitationStore } from './store/invitation-store.js';

/** Longer than a request takes, with all its waits. */
const LEASE_MS = 60_000;

/** What a visitor gets. */
export interface AdmittedVisitor extends Pick<IssuedToken, 'token' | 'expiresOn' | 'scopes'> {
  readonly communicationUserId: string;
  readonly meeting: string;
}

/** Lets visitors in: each gets one token for an identity of its own. */
@Injectable()
export class VisitorAdmission {
  constructor(
    private readonly store: InvitationStore,
    private readonly tokens: TokenIssuanceService,
    private readonly logger: Logger,
    @Inject(visitorSettings.key) private readonly settings: Pick<VisitorSettings, 'graceMs'>,
  ) {}

  /**
   * Uses an invitation once. Not safe to repeat: each call uses it, unless it is refused.
   *
   * @param opened as `InvitationSigner.open` returned it
   * @throws InvitationRefused
   * @throws as `TokenIssuanceService.issueForVisitor`; then the use is returned
   */
  async admit(opened: OpenedInvitation, request: RequestContext): Promise<AdmittedVisitor> {
    const id = randomUUID();
    const invitation = await this.store.take(opened, { id, leaseMs: LEASE_MS });
    try {
      const { mapping, ...issued } = await this.#issue(id, invitation, request);
      const { communicationUserId } = mapping;
      const { token, expiresOn, scopes } = issued;
      return { token, expiresOn, scopes, communicationUserId, meeting: invitation.meeting };
    } catch (error) {
      await this.#release(id);
      const isPolicy = error instanceof ServiceError && error.status === 403;
      throw isPolicy ? new InvitationRefused('without-rule', invitation.id) : error;
    }
  }

  async #issue(
    visitorId: string,
    { id, tenant, scopes }: Invitation,
    request: RequestContext,
  ): Promise<IssuedToken> {
    const subject = canonicalName(visitorId);
    return this.tokens.issueForVisitor(
      {
        identity: { tenant, subject, kind: 'visitor' },
        admission: (expiresOn) =>
          this.store.admit(visitorId, new Date(expiresOn.getTime() + this.settings.graceMs)),
      },
      { scopes },
      { actor: { kind: 'visitor', tenant, invitation: id }, request },
    );
  }

  /** Never rejects: the cleanup returns the use when its lease ends. */
  async #release(visitorId: string): Promise<void> {
    await this.store.release(visitorId).catch((error: unknown) => {
      this.logger.warn(
        { visitor: visitorId, error },
        'the use of an invitation is not returned yet',
      );
    });
  }
}
