import { Body, Controller, Header, HttpCode, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequirePermission } from '#libs/authentication';
import { IssuancePolicies } from '#libs/token-issuance';
import { ApiJson } from '../http/api-responses.js';
import {
  policyEvaluation,
  type PolicyEvaluation,
  policyEvaluationRequest,
  type PolicyEvaluationRequest,
  toPolicyEvaluation,
} from './policy-evaluation.js';

/** Tells what the policy in force would decide. */
@ApiTags('policy')
@Controller('v1/policy')
export class PolicyController {
  constructor(private readonly policies: IssuancePolicies) {}

  @Post('evaluate')
  @RequirePermission('CommunicationIdentity.Read.All')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Tries the issuance policy in force; nothing is issued or counted' })
  @ApiJson(200, policyEvaluation, 400, 401, 403, 413, 415, 429, 503)
  evaluate(
    @Body({ schema: policyEvaluationRequest })
    { subject, scopes, expiresInMinutes }: PolicyEvaluationRequest,
  ): PolicyEvaluation {
    const { kind, tenant, clientApp, permissions, guest, forOthers } = subject;
    return toPolicyEvaluation(
      this.policies.current.decide(
        { kind, tenant, clientApp, permissions, isGuest: guest, isForOthers: forOthers },
        { scopes, expiresInMinutes },
      ),
    );
  }
}
