import { Injectable } from '@nestjs/common';
import { Database, type RequestContext } from '#libs/platform';
import type { Actor } from '../trail/actor.js';
import { type AuditReceipt, AuditTrail } from '../trail/audit-trail.js';

/** Whose values to erase, at whose wish, and why. */
export interface ErasureRequest {
  readonly tenant: string;
  readonly subject: string;
  readonly actor: Actor;
  readonly request?: RequestContext;
  /** Such as the number of the person's request. */
  readonly reason?: string;
}

/** Erases personal values beside the log. Entries, hashes and proofs stay as they are. */
@Injectable()
export class PersonalDataEraser {
  constructor(
    private readonly trail: AuditTrail,
    private readonly database: Database,
  ) {}

  /**
   * Records the erasure, then erases a person's addresses, user agents and names from all entries up
   * to it. Safe to repeat, and to be repeated when its answer was lost.
   *
   * @returns the entry of the erasure, and how many rows of values went with it
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
