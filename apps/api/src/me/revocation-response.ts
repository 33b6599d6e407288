import { z } from 'zod';
import type { Revocation } from '#libs/identity-mapping';
import { auditReceipt, toAuditReceipt } from '../audit/audit-receipt.js';

export const revocationResponse = z
  .strictObject({
    effectiveWithinMinutes: z.int().min(0).meta({
      description:
        'ACS accepts revoked tokens for up to 15 minutes after it has confirmed the revocation (the entry `token.revoke` with `details.stage`: `confirmed`). Where ACS gives no answer, the service repeats the call, and the tokens stay valid until then. 0 when there was no identity.',
    }),
    auditEntry: auditReceipt
      .optional()
      .meta({ description: 'Absent when there was nothing to revoke.' }),
  })
  .meta({ id: 'RevocationResponse' });

export type RevocationResponse = z.output<typeof revocationResponse>;

export function toRevocationResponse(revocation: Revocation): RevocationResponse {
  const { effectiveWithinMinutes, auditEntry } = revocation;
  return {
    effectiveWithinMinutes,
    ...(auditEntry && { auditEntry: toAuditReceipt(auditEntry) }),
  };
}
