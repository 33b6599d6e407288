import { z } from 'zod';
import type { AuditReceipt } from '#libs/audit';

/** The entry of the audit log that records what an answer confirms. */
export const auditReceipt = z.strictObject({ id: z.uuid(), index: z.int().min(0) });

/** Without other members, which an answer must not have. */
export function toAuditReceipt({ id, index }: AuditReceipt): z.output<typeof auditReceipt> {
  return { id, index };
}
