import { z } from 'zod';
import { canonicalName } from '#libs/platform';
import { IDENTITY_KINDS } from '#libs/identity-mapping';
import type { Decision } from '#libs/token-issuance';

export const policyEvaluationRequest = z
  .strictObject({
    subject: z.strictObject({
      kind: z.enum(IDENTITY_KINDS).meta({ description: 'Of the token’s identity.' }),
      tenant: z
        .string()
        .min(1)
        .max(256)
        .transform(canonicalName)
        .meta({ description: 'Of the token’s identity.' }),
      clientApp: z.string().min(1).max(256).transform(canonicalName).optional(),
      permissions: z
        .array(z.string().min(1).max(128))
        .max(32)
        .default(['CommunicationToken.Issue'])
        .meta({ description: 'Permissions of the caller.' }),
      guest: z.boolean().default(false),
      forOthers: z
        .boolean()
        .default(false)
        .meta({ description: 'Whether the token is for an identity other than the caller’s own.' }),
    }),
    scopes: z.array(z.string().min(1).max(64)).min(1).max(16).optional(),
    expiresInMinutes: z.int().min(60).max(1440).optional(),
  })
  .meta({ id: 'PolicyEvaluationRequest' });

export type PolicyEvaluationRequest = z.output<typeof policyEvaluationRequest>;

export const policyEvaluation = z
  .strictObject({
    outcome: z.enum(['allow', 'deny']),
    rule: z
      .string()
      .optional()
      .meta({ description: 'The rule that decided. Absent when none applies.' }),
    version: z.string().meta({ description: 'Version of the policy, as in audit entries.' }),
    trials: z
      .array(z.strictObject({ rule: z.string(), outcome: z.string() }))
      .meta({ description: 'Decisions of rules in audit mode, which have no effect.' }),
    grant: z
      .strictObject({
        scopes: z.array(z.string()),
        expiresInMinutes: z.int(),
        reuse: z.boolean(),
        tokensPerHour: z.int().optional(),
      })
      .optional(),
    refusal: z
      .looseObject({
        code: z.string(),
        detail: z.string(),
        allowedScopes: z.array(z.string()).optional(),
        allowedLifetimeMinutes: z.strictObject({ shortest: z.int(), longest: z.int() }).optional(),
      })
      .optional(),
  })
  .meta({ id: 'PolicyEvaluation' });

export type PolicyEvaluation = z.output<typeof policyEvaluation>;

export function toPolicyEvaluation(decision: Decision): PolicyEvaluation {
  const { rule, version, evaluatedRules } = decision;
  const common = {
    ...(rule !== undefined && { rule }),
    version,
    trials: evaluatedRules.map((trial) => ({ ...trial })),
  };
  if ('refusal' in decision) {
    const { code, detail, members } = decision.refusal;
    return { outcome: 'deny', ...common, refusal: { code, detail, ...members } };
  }
  const { scopes, expiresInMinutes, isReusable, tokensPerHour } = decision.grant;
  return {
    outcome: 'allow',
    ...common,
    grant: {
      scopes: [...scopes],
      expiresInMinutes,
      reuse: isReusable,
      ...(tokensPerHour !== undefined && { tokensPerHour }),
    },
  };
}
