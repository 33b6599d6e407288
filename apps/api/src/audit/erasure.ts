import { z } from 'zod';
import type { AuditReceipt } from '#libs/audit';
import { type CanonicalName, canonicalName } from '#libs/platform';
import { auditReceipt, toAuditReceipt } from './audit-receipt.js';

/** The person whose values to erase. */
export const erasureRequest = z
  .strictObject({
    tenant: z.string().min(1).max(256).transform(canonicalName),
    subject: z.string().min(1).max(256).transform(canonicalName),
    reason: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .meta({ description: 'Such as the number of the person’s request. Recorded in the log.' }),
  })
  .meta({ id: 'PersonalDataErasureRequest' });

export interface ErasureRequest {
  readonly tenant: CanonicalName;
  readonly subject: CanonicalName;
  readonly reason?: string;
}

export const erasureResponse = z
  .strictObject({
    erasedRows: z
      .int()
      .min(0)
      .meta({ description: 'Number of erased rows; 0 when they were erased before.' }),
    auditEntry: auditReceipt,
  })
  .meta({ id: 'PersonalDataErasure' });

export type ErasureResponse = z.output<typeof erasureResponse>;

export function toErasure(done: {
  readonly receipt: AuditReceipt;
  readonly rows: number;
}): ErasureResponse {
  const { receipt, rows } = done;
  return { erasedRows: rows, auditEntry: toAuditReceipt(receipt) };
}
