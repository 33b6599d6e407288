import { Injectable } from '@nestjs/common';
import { type CallContext, type CanonicalName, ReadingDatabase } from '#libs/platform';
import type { AuditEvent } from '../trail/audit-event.js';
import { type AuditReceipt, AuditTrail } from '../trail/audit-trail.js';
import { PersonNotInLog } from '../errors.js';

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
   * @throws PersonNotInLog recorded as well
   */
  async erase(erasure: ErasureRequest): Promise<{ receipt: AuditReceipt; rows: number }> {
    const { tenant, subject, actor, request, reason } = erasure;
    const event = {
      action: 'audit.erase',
      actor,
      target: { tenant, subject },
      ...(request && { request }),
    } satisfies Omit<AuditEvent, 'outcome'>;
    const detail = reason === undefined ? {} : { detail: reason };
    if (!(await this.#isInLog(tenant, subject))) {
      const refusal = new PersonNotInLog();
      const denial = { code: refusal.code, ...detail };
      await this.trail.record({ ...event, outcome: 'denied', reason: denial });
      throw refusal;
    }
    const receipt = await this.trail.record({
      ...event,
      outcome: 'success',
      ...(reason !== undefined && { reason: { code: 'erasure-requested', ...detail } }),
    });
    return { receipt, rows: await this.repeat(receipt.index) };
  }

  /** Erases what a recorded erasure covers. @returns the number of erased rows */
  async repeat(index: number): Promise<number> {
    const [row] = await this.database.query<{ erased: string }>(
      `SELECT audit_erase_personal(recorded_at, entry_index) AS erased FROM audit_entry
       WHERE action = 'audit.erase' AND entry_index = $1`,
      [index],
    );
    return Number(row?.erased ?? 0);
  }

  /**
   * Whether the log has an entry of the person or about it. Searches and erasures that only name the
   * person don't count: they also name people who don't exist.
   */
  async #isInLog(tenant: CanonicalName, subject: CanonicalName): Promise<boolean> {
    const ofPerson = 'SELECT FROM audit_entry WHERE actor_tenant = $1 AND actor_subject = $2';
    const [row] = await this.database.query<{ known: boolean }>(
      `SELECT EXISTS (${ofPerson} AND target_subject IS NULL)
         OR EXISTS (${ofPerson} AND target_subject IS NOT NULL)
         OR EXISTS (SELECT FROM audit_entry
           WHERE target_subject = $2 AND coalesce(target_tenant, actor_tenant) = $1
             AND NOT (identity_id IS NULL AND action IN ('audit.erase', 'identity.read', 'identity.delete'))
         ) AS known`,
      [tenant, subject],
    );
    return row?.known ?? false;
  }
}
