import { z } from 'zod';
import { IDENTITY_KINDS, identityFields } from '#libs/identity-mapping';

export const revocationId = z.uuid('must be the UUID of a mass revocation').toLowerCase();

const FILTERS = [
  'tenant',
  'clientApp',
  'identityKind',
  'resource',
  'issuedBefore',
  'invitation',
] as const;
/** What `invitation` can be combined with. */
const WITH_INVITATION: readonly string[] = ['tenant', 'invitation'];
/** No ACS token is valid for longer. */
const TOKEN_LIFETIME_MS = 86_400_000;

export const massRevocationRequest = z
  .strictObject({
    tenant: identityFields.tenant.optional(),
    clientApp: identityFields.clientApp.optional().meta({
      description:
        'Client id: the identities of which it got tokens, for themselves or for others, in the last 24 hours.',
    }),
    identityKind: z
      .enum(IDENTITY_KINDS, { error: `is not one of ${IDENTITY_KINDS.join(', ')}` })
      .optional(),
    resource: z
      .string()
      .min(1, 'must name an ACS resource')
      .max(256, 'must have at most 256 characters')
      .optional()
      .meta({ description: 'Name of an ACS resource, as `resource` of identities has it.' }),
    issuedBefore: z.iso
      .datetime({ offset: true, error: 'must be a time such as 2026-01-31T12:00:00Z' })
      .refine((text) => Date.parse(text) <= Date.now(), 'must not be in the future')
      .refine(
        (text) => Date.parse(text) > Date.now() - TOKEN_LIFETIME_MS,
        'must be within the last 24 hours: tokens from before have expired',
      )
      .optional()
      .meta({ description: 'Identities that may have tokens from before this time.' }),
    invitation: z.uuid('must be the UUID of an invitation').toLowerCase().optional().meta({
      description:
        'Id of an invitation: the visitors that it has let in. Ends it. Not with filters other than the tenant.',
    }),
    everyone: z
      .literal(true, { error: 'must be true, or left out' })
      .optional()
      .meta({ description: 'Every identity of the tenant. Instead of the other filters.' }),
    dryRun: z
      .boolean('must be true or false')
      .default(false)
      .meta({ description: 'Counts the identities and revokes nothing.' }),
    reason: z
      .string()
      .trim()
      .min(1, 'must say why')
      .max(500, 'must have at most 500 characters')
      .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'must not hold control characters')
      .meta({ description: 'For the audit log. Name no person in it: it can’t be erased.' }),
  })
  .superRefine((request, context) => {
    const hasFilter = FILTERS.some((name) => request[name] !== undefined);
    const issue = (name: keyof typeof request, message: string): void => {
      context.addIssue({ code: 'custom', path: [name], message });
    };
    if (request.everyone && hasFilter) issue('everyone', 'can not be combined with a filter');
    if (!request.everyone && !hasFilter) issue('everyone', 'must be true when there is no filter');
    const isCombined = FILTERS.some(
      (name) => request[name] !== undefined && !WITH_INVITATION.includes(name),
    );
    if (request.invitation !== undefined && isCombined) {
      issue('invitation', 'can be combined with the tenant only');
    }
  })
  .meta({ id: 'MassRevocationRequest' });

export type MassRevocationRequest = z.output<typeof massRevocationRequest>;
