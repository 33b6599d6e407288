import { Body, Controller, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { IssuancePolicies } from '#libs/token-issuance';
import { Endpoint } from '../http/endpoint.js';
import {
  policyEvaluation,
  type PolicyEvaluation,
  policyEvaluationRequest,
  type PolicyEvaluationRequest,
  toPolicyEvaluation,
} from './policy-evaluation.js';

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
