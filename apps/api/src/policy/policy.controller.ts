import { Body, Controller, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { IssuancePolicies } from '#libs/token-issuance';
import { CurrentPrincipal } from '#libs/authentication';
import type { Principal } from '#libs/platform';
import { Endpoint } from '../http/endpoint.js';
import { InvalidRequest } from '../http/request-errors.js';
import {
  policyEvaluation,
  type PolicyEvaluation,
  policyEvaluationRequest,
  type PolicyEvaluationRequest,
  toPolicyEvaluation,
} from './policy-evaluation.js';

const OTHER_TENANT = { pointer: '/subject/tenant', detail: 'must be the tenant of the caller' };

/** Dry runs of the issuance policy in force. */
@ApiTags('policy')
@Controller('v1/policy')
export class PolicyController {
  constructor(private readonly policies: IssuancePolicies) {}

  @Post('evaluate')
  @Endpoint({
    permission: 'CommunicationIdentity.Read.All',
    workload: 'reading',
    summary: 'Evaluates the issuance policy in force; issues and counts nothing',
    responses: { 200: policyEvaluation },
    problems: [413, 415],
  })
  evaluate(
    @Body({ schema: policyEvaluationRequest })
    { subject, scopes, expiresInMinutes }: PolicyEvaluationRequest,
    @CurrentPrincipal() caller: Principal,
  ): PolicyEvaluation {
    // Which rules another tenant has is its own affair.
    if (subject.tenant !== caller.tenant) throw new InvalidRequest([OTHER_TENANT]);
    const { kind, tenant, clientApp, permissions, guest, forOthers } = subject;
    return toPolicyEvaluation(
      this.policies.current.decide(
        { kind, tenant, clientApp, permissions, isGuest: guest, isForOthers: forOthers },
        { scopes, expiresInMinutes },
      ),
    );
  }
}
