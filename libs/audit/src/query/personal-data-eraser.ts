import { Injectable } from '@nestjs/common';
import { type CallContext, type CanonicalName, ReadingDatabase } from '#libs/platform';
import { type AuditReceipt, AuditTrail } from '../trail/audit-trail.js';

/** Whose personal values to erase, who requests it, and why. */
export interface ErasureRequest extends CallContext {
  readonly tenant: CanonicalName;
  readonly subject: CanonicalName;
  /** Such as the number of the person's request. */
  readonly reason?: string;
}

/** Erases the personal values of a person, which are stored beside the log. Entries and proofs don't change. */
@Injectable()
export class PersonalDataEraser {
  constructor(
    private readonly trail: AuditTrail,
    private readonly database: ReadingDatabase,
  ) {}

  /**
   * Records the erasure, then erases the person's addresses, user agents and names of all earlier
   * entries. Safe to repeat, and must be repeated when its answer was lost.
   *
   * @returns the entry of the erasure, and the number of erased rows
   */
  async erase(erasure: ErasureRequest): Promise<{ receipt: AuditReceipt; rows: number }> {
    const { tenant, subject, actor, request, reason } = erasure;
    const receipt = await this.trail.record({
      action: 'audit.erase',
      outcome: 'success',
      actor,
      target: { tenant, subject },
      ...(reason !== undefined && { reason: { code: 'erasure-requested', detail: reason } }),
      ...(request && { request }),
    });
    const [row] = await this.database.query<{ erased: string }>(
      `SELECT audit_erase_personal(recorded_at, entry_index) AS erased FROM audit_entry
       WHERE action = 'audit.erase' AND entry_index = $1`,
      [receipt.index],
    );
    return { receipt, rows: Number(row?.erased ?? 0) };
  }
}
