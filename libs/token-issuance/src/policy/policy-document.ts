import { z } from 'zod';
import { CLIENT_EXCHANGES } from '#libs/communication-services';
import { CALLER_KINDS } from '#libs/identity-mapping';
import { canonicalName } from '#libs/platform';

/** People write policies; a longer file is a mistake or an attack. */
export const MAX_POLICY_BYTES = 256 * 1024;

/** The limits of ACS (`expiresInMinutes` of its REST API). */
const lifetime = z
  .int('must be a whole number of minutes')
  .min(60, 'must be at least 60 minutes')
  .max(1440, 'must be at most 1440 minutes');

const scopeName = z
  .string()
  .regex(/^[a-z][a-z.]{0,63}$/, 'must be the name of an ACS scope, such as voip.join');

function unique(items: readonly unknown[]): boolean {
  return new Set(items).size === items.length;
}

const scopeNames = z
  .array(scopeName)
  .min(1, 'must name at least one scope')
  .max(16, 'must name at most 16 scopes')
  .refine(unique, 'must not repeat a scope');

/** A list of alternatives. An empty one would match no caller and is probably a mistake. */
function anyOf<T extends z.ZodType>(item: T): z.ZodArray<T> {
  return z
    .array(item)
    .min(1, 'must hold at least one value, or be absent')
    .max(1000, 'must hold at most 1000 values');
}

const conditions = z
  .strictObject({
    kind: anyOf(z.enum(CALLER_KINDS))
      .optional()
      .describe('Kind of the application identity that the token is for.'),
    tenant: anyOf(z.string().min(1).max(256).toLowerCase())
      .optional()
      .describe('Tenants of the application identity that the token is for.'),
    clientApp: anyOf(z.string().min(1).max(256).transform(canonicalName))
      .optional()
      .describe('Client ids of the calling application.'),
    permission: anyOf(z.string().min(1).max(128))
      .optional()
      .describe('Permissions of the caller; holding one of them is enough.'),
    guest: z
      .boolean()
      .optional()
      .describe(
        'Whether the caller is a guest in its tenant. Never matches a request for another identity, for which this is not known.',
      ),
    forOthers: z
      .boolean()
      .optional()
      .describe('true: the token is for another identity than the caller’s; false: for its own.'),
    visitor: z
      .boolean()
      .optional()
      .describe(
        'Whether the token is for a visitor with an invitation. A visitor gets no more than voip.join from a rule without this condition.',
      ),
  })
  .refine(
    (all) => Object.values(all).some((value) => value !== undefined),
    'must hold a condition; a rule for everyone says `when: anyone`',
  );

const allowance = z
  .strictObject({
    scopes: scopeNames.describe('Scopes that may be requested.'),
    defaultScopes: scopeNames.describe('Scopes of a token when the caller names none.'),
    lifetimeMinutes: z
      .strictObject({ shortest: lifetime, longest: lifetime, default: lifetime })
      .refine(
        (minutes) => minutes.shortest <= minutes.default && minutes.default <= minutes.longest,
        {
          error: 'must go up from shortest over default to longest',
        },
      )
      .describe('Lifetimes that may be requested, and the one when the caller names none.'),
    reuse: z
      .boolean()
      .default(false)
      .describe(
        'Whether a token may be reused while it is valid for long enough, instead of issuing a new one.',
      ),
    tokensPerHour: z
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe(
        'Maximum number of new tokens of one identity in any 60 minutes; no limit when absent.',
      ),
    teamsTokens: z
      .boolean()
      .default(false)
      .describe('Whether a Teams user may exchange their Teams token for an ACS token.'),
    exchanges: z
      .array(z.enum(CLIENT_EXCHANGES))
      .refine(unique, 'must not repeat an exchange')
      .default([])
      .describe(
        'Exchanges of Microsoft’s client library by which a user may get a token of ACS; they must be enabled by CLIENT_EXCHANGES too.',
      ),
  })
  .refine(({ scopes, defaultScopes }) => defaultScopes.every((scope) => scopes.includes(scope)), {
    path: ['defaultScopes'],
    error: 'must be among scopes',
  });

const rule = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits and hyphens')
    .describe('Identifies the rule in audit entries and metrics.'),
  description: z.string().max(1000).optional(),
  mode: z
    .enum(['enforce', 'audit'])
    .default('enforce')
    .describe(
      'audit: the rule decides nothing; the decision that it would have made is recorded, and the next rules are evaluated.',
    ),
  when: z
    .union([z.literal('anyone'), conditions], 'must hold conditions, or be the word anyone')
    .describe('Every condition must hold; a condition holds when one of its values does.'),
  allow: allowance,
});

const scopeFacts = z.strictObject({
  sunset: z.iso
    .date('must be a date such as 2028-09-30')
    .optional()
    .describe('The day on which ACS stops supporting the scope; callers are warned of it.'),
  link: z
    .url({ protocol: /^https$/, error: 'must be an https address' })
    .optional()
    .describe('A page that explains what to use instead.'),
});

/** The policy file: ordered rules of which the first that matches decides. */
export const policyDocument = z
  .strictObject({
    version: z.literal(1).describe('Version of this format.'),
    scopes: z
      .record(scopeName, scopeFacts)
      .describe('Every scope that the rules name. Other scopes are unknown to the service.'),
    rules: z
      .array(rule)
      .min(1, 'must hold at least one rule')
      .max(1000, 'must hold at most 1000 rules')
      .describe(
        'In order. The first rule that matches decides; when none matches, the request is refused.',
      ),
  })
  .superRefine(({ scopes, rules }, context) => {
    for (const [index, { name, allow }] of rules.entries()) {
      if (rules.findIndex((other) => other.name === name) !== index) {
        context.addIssue({
          code: 'custom',
          path: ['rules', index, 'name'],
          message: 'must not be the name of an earlier rule',
        });
      }
      for (const [place, scope] of allow.scopes.entries()) {
        if (Object.hasOwn(scopes, scope)) continue;
        context.addIssue({
          code: 'custom',
          path: ['rules', index, 'allow', 'scopes', place],
          message: 'must be listed under the scopes of the policy',
        });
      }
    }
  })
  .meta({
    title: 'Issuance policy',
    description: 'Who gets which ACS access tokens from the communication identity service.',
  });

export type PolicyDocument = z.output<typeof policyDocument>;
export type PolicyRule = PolicyDocument['rules'][number];

/** The JSON Schema of the policy file, for editors and checks elsewhere. */
export function policyJsonSchema(): object {
  return z.toJSONSchema(policyDocument, { io: 'input' });
}
