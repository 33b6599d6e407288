import { Body, Controller, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  AuthenticationGuard,
  type HttpReply,
  type HttpRequest,
  TokenRejected,
} from '#libs/authentication';
import { Clock } from '#libs/platform';
import {
  InvitationRefused,
  InvitationSigner,
  type OpenedInvitation,
  VisitorAdmission,
  visitorSettings,
  type VisitorSettings,
} from '#libs/visitors';
import { cancellableRequestOf } from '../http/current-call.js';
import { Endpoint } from '../http/endpoint.js';
import { OpenToBrowsers } from '../http/open-to-browsers.js';
import {
  toVisitorToken,
  visitorTokenRequest,
  type VisitorTokenRequest,
  visitorTokenResponse,
  type VisitorTokenResponse,
} from './visitor-messages.js';

/** Refusals leave at multiples of this time, so that how long one takes does not say what was wrong. */
const REFUSAL_STEP_MS = 25;

/** Tokens of visitors, who have an invitation and no sign-in. */
@ApiTags('visitors')
@OpenToBrowsers()
@Controller('v1/visitors')
export class VisitorsController {
  constructor(
    private readonly signer: InvitationSigner,
    private readonly admission: VisitorAdmission,
    private readonly guard: AuthenticationGuard,
    private readonly clock: Clock,
    @Inject(visitorSettings.key) private readonly settings: VisitorSettings,
  ) {}

  @Post('tokens')
  @Endpoint({
    publicBecause: 'requires an invitation in the body',
    workload: 'issuing',
    summary: 'Uses an invitation once: issues an ACS access token for a new identity',
    responses: { 200: visitorTokenResponse },
    problems: [400, 403, 413, 415, 429, 503],
  })
  async issueToken(
    @Body({ schema: visitorTokenRequest }) { invitation }: VisitorTokenRequest,
    @Req() request: HttpRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VisitorTokenResponse> {
    const startedAt = this.clock.monotonicNow();
    try {
      // Nothing is read for an invitation that this service has not signed.
      const opened = await this.signer.open(invitation);
      await this.#limit(opened, request, reply);
      const context = cancellableRequestOf(request, reply);
      return toVisitorToken(await this.admission.admit(opened, context));
    } catch (error) {
      if (!(error instanceof InvitationRefused)) throw error;
      throw await this.#refuse(error, startedAt, request, reply);
    }
  }

  async #limit({ id }: OpenedInvitation, request: HttpRequest, reply: HttpReply): Promise<void> {
    const { perAddress, perInvitation } = this.settings;
    const route = 'visitors';
    await this.guard.limitPublic({ route, perMinute: perAddress }, request, reply);
    await this.guard.limitPublic({ route, key: id, perMinute: perInvitation }, request, reply);
  }

  /** Records and counts a refusal as that of rejected credentials. @returns what the caller gets */
  async #refuse(
    refusal: InvitationRefused,
    startedAt: number,
    request: HttpRequest,
    reply: HttpReply,
  ): Promise<Error> {
    const { reason, invitation } = refusal;
    const detail = invitation === undefined ? undefined : `the invitation ${invitation}`;
    const rejection = new TokenRejected(`invitation-${reason}`, detail);
    const answer = await this.guard.reject(rejection, request, reply, refusal);
    const tookMs = this.clock.monotonicNow() - startedAt;
    await this.clock.sleep(REFUSAL_STEP_MS - (tookMs % REFUSAL_STEP_MS));
    return answer;
  }
}
