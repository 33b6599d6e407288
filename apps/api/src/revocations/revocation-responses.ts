import { z } from 'zod';
import {
  EFFECTIVE_WITHIN_MINUTES,
  hasExpired,
  IDENTITY_KINDS,
  type RevocationForecast,
  type RevocationProgress,
  type StartedRevocation,
} from '#libs/identity-mapping';

const count = z.int().min(0);
const seconds = count.meta({
  description: 'How long ACS’s limits make it take, in seconds, if nobody else needs them.',
});

export const massRevocationForecast = z
  .strictObject({
    dryRun: z.literal(true),
    identities: count,
    assignments: count.meta({
      description: 'Teams Phone assignments that would be renewed, which revokes their tokens.',
    }),
    estimatedSeconds: seconds,
  })
  .meta({ id: 'MassRevocationForecast' });

export const massRevocation = z
  .strictObject({
    id: z.uuid(),
    status: z.enum(['running', 'completed', 'expired']).meta({
      description:
        '`expired`: the last old token had expired, a day after the start, before ACS had confirmed everything.',
    }),
    tenant: z.string().optional(),
    clientApp: z.string().optional(),
    identityKind: z.enum(IDENTITY_KINDS).optional(),
    resource: z.string().optional(),
    issuedBefore: z.iso.datetime().optional(),
    invitation: z.uuid().optional(),
    reason: z.string(),
    startedAt: z.iso.datetime(),
    completedAt: z.iso.datetime().optional(),
    identities: count
      .optional()
      .meta({ description: 'At the start. Absent until they are counted.' }),
    remainingIdentities: count.meta({
      description: 'They get no token until ACS has revoked their old ones.',
    }),
    assignments: count.optional().meta({
      description:
        'Teams Phone assignments that are renewed, which revokes the tokens that were exchanged under them. Absent until they are counted.',
    }),
    remainingAssignments: count.meta({
      description: 'Under them nobody gets a token until ACS has revoked the old ones.',
    }),
    estimatedSeconds: seconds,
    effectiveWithinMinutes: count.meta({
      description:
        'ACS accepts a revoked token for up to 15 minutes after it has confirmed the revocation of its identity.',
    }),
    auditEntry: z
      .strictObject({ id: z.uuid(), index: count })
      .optional()
      .meta({ description: 'In the answer to the start only.' }),
  })
  .meta({ id: 'MassRevocation' });

export type MassRevocationForecast = z.output<typeof massRevocationForecast>;
export type MassRevocationResponse = z.output<typeof massRevocation>;

export function toForecast(forecast: RevocationForecast): MassRevocationForecast {
  const { identities, assignments, seconds: estimatedSeconds } = forecast;
  return { dryRun: true, identities, assignments, estimatedSeconds };
}

export function toMassRevocation(
  progress: RevocationProgress | StartedRevocation,
): MassRevocationResponse {
  const { revocation, remaining } = progress;
  const { id, filter, reason, startedAt, finishedAt, identities, assignments } = revocation;
  const { tenant, clientApp, kind, resource, issuedBefore, invitation } = filter;
  return {
    id,
    status: statusOf(revocation),
    ...(tenant !== undefined && { tenant }),
    ...(clientApp !== undefined && { clientApp }),
    ...(kind !== undefined && { identityKind: kind }),
    ...(resource !== undefined && { resource }),
    ...(issuedBefore && { issuedBefore: issuedBefore.toISOString() }),
    ...(invitation !== undefined && { invitation }),
    reason,
    startedAt: startedAt.toISOString(),
    ...(finishedAt && { completedAt: finishedAt.toISOString() }),
    ...(identities !== undefined && { identities }),
    remainingIdentities: remaining.identities,
    ...(assignments !== undefined && { assignments }),
    remainingAssignments: remaining.assignments,
    estimatedSeconds: remaining.seconds,
    effectiveWithinMinutes: EFFECTIVE_WITHIN_MINUTES,
    ...('auditEntry' in progress && {
      auditEntry: { id: progress.auditEntry.id, index: progress.auditEntry.index },
    }),
  };
}

function statusOf(revocation: RevocationProgress['revocation']): MassRevocationResponse['status'] {
  const { finishedAt } = revocation;
  if (!finishedAt) return 'running';
  return hasExpired(revocation, finishedAt) ? 'expired' : 'completed';
}
