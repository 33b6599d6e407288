import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Principal } from '#libs/platform';
import { type IssuedToken, TokenIssuanceService } from '#libs/token-issuance';

/** Part of a host application: issues tokens for its agents without HTTP in between. */
@Injectable()
export class CallCenterService {
  constructor(private readonly tokens: TokenIssuanceService) {}

  /** @param agent was authenticated by the host */
  async startShift(agent: Principal): Promise<IssuedToken> {
    const request = { requestId: randomUUID() };
    return this.tokens.issueForCaller({ scopes: ['voip'] }, { actor: agent, request });
  }
}
