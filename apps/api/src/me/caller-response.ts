import { z } from 'zod';
import type { Principal } from '#libs/platform';

/** The caller as its token names it, and what it may do. */
export const callerResponse = z
  .strictObject({
    displayName: z.string().optional().meta({ description: 'Absent when the token has none.' }),
    tenant: z.string(),
    subject: z.string(),
    isHomeTenant: z
      .boolean()
      .meta({ description: 'Whether the tenant is the one whose auditors see the whole log.' }),
    permissions: z
      .array(z.string())
      .meta({ description: 'Every permission that the token grants; empty when it grants none.' }),
    audit: z.enum(['all', 'tenant', 'none']).meta({
      description: 'The entries of the audit log that the caller may read: all, or of its tenant.',
    }),
  })
  .meta({ id: 'Caller' });

export type CallerResponse = z.output<typeof callerResponse>;

export function toCallerResponse(caller: Principal, isHomeTenant: boolean): CallerResponse {
  const { displayName, tenant, subject, permissions } = caller;
  const isAuditor = permissions.includes('AuditLog.Read.All');
  return {
    ...(displayName !== undefined && { displayName }),
    tenant,
    subject,
    isHomeTenant,
    permissions: [...permissions],
    audit: !isAuditor ? 'none' : isHomeTenant ? 'all' : 'tenant',
  };
}
