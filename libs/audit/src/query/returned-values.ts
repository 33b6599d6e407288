import { Injectable } from '@nestjs/common';
import {
  type CallContext,
  canonicalName,
  type CanonicalName,
  ReadingDatabase,
} from '#libs/platform';
import { type AuditEntry, tryParseAuditEntry } from '../entry/audit-entry.js';
import { AuditTrail } from '../trail/audit-trail.js';
import { PersonalDataEraser } from './personal-data-eraser.js';

/** A person whose personal values were erased, and are stored nevertheless. */
export interface ReturnedPerson {
  readonly tenant: CanonicalName;
  readonly subject: CanonicalName;
  /** Of the newest erasure, which covered earlier values. */
  readonly erasedAt: string;
  /** Of its entry; absent when this log does not have it. */
  readonly index: number | undefined;
  /** Rows of values that the erasure covered. */
  readonly rows: number;
}

type Erasure = Omit<ReturnedPerson, 'rows'>;

interface RecordedErasure {
  readonly entry: AuditEntry;
  readonly index: number | undefined;
}

const REASON = 'values that had been erased came back with a restore';

/**
 * Finds personal values that came back with a restore after they had been erased. An erasure may be in the
 * log itself, when only the values were restored, or in a later state of it, which is known from a copy or an
 * export, when the whole log was.
 */
@Injectable()
export class ReturnedValues {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly trail: AuditTrail,
    private readonly eraser: PersonalDataEraser,
  ) {}

  /**
   * Records the look, with how many persons it found.
   *
   * @param elsewhere entries from copies and exports; those that are no erasures are ignored
   */
  async find(
    { actor, request }: CallContext,
    elsewhere: readonly AuditEntry[],
  ): Promise<readonly ReturnedPerson[]> {
    const others = elsewhere.map((entry) => ({ entry, index: undefined }));
    const erasures = newestOf([...(await this.#ownErasures()), ...others]);
    const found: ReturnedPerson[] = [];
    for (const erasure of erasures) {
      const rows = await this.#rowsOf(erasure);
      if (rows > 0) found.push({ ...erasure, rows });
    }
    await this.trail.record({
      action: 'audit.read',
      outcome: 'success',
      actor,
      ...(request && { request }),
      details: { route: 'returned-values', erasures: erasures.length, persons: found.length },
    });
    return found;
  }

  /**
   * Erases the persons' values again: by the entry of their erasure, else by a new one, which also covers
   * what was recorded since the restore.
   *
   * @returns the number of erased rows
   */
  async erase(context: CallContext, persons: readonly ReturnedPerson[]): Promise<number> {
    let erased = 0;
    for (const { tenant, subject, index } of persons) {
      erased +=
        index === undefined
          ? (await this.eraser.erase({ ...context, tenant, subject, reason: REASON })).rows
          : await this.eraser.repeat(index);
    }
    return erased;
  }

  async #ownErasures(): Promise<RecordedErasure[]> {
    const rows = await this.database.query<{ index: string; leaf: Buffer }>(
      `SELECT entry_index AS index, leaf FROM audit_entry
       WHERE action = 'audit.erase' AND outcome = 'success' ORDER BY entry_index`,
    );
    return rows.flatMap(({ index, leaf }) => {
      const entry = tryParseAuditEntry(leaf);
      return entry ? [{ entry, index: Number(index) }] : [];
    });
  }

  /** The rows that `audit_erase_personal` deleted for this erasure. */
  async #rowsOf({ tenant, subject, erasedAt }: Erasure): Promise<number> {
    const values = `SELECT recorded_at, entry_index`;
    const [row] = await this.database.query<{ rows: string }>(
      `SELECT count(*) AS rows FROM audit_personal p JOIN (
         ${values}, 'actor' AS whose FROM audit_entry
         WHERE actor_subject = $2 AND actor_tenant = $1 AND target_subject IS NOT NULL AND recorded_at < $3
         UNION ALL
         ${values}, 'actor' FROM audit_entry
         WHERE actor_subject = $2 AND actor_tenant = $1 AND target_subject IS NULL AND recorded_at < $3
         UNION ALL
         ${values}, 'target' FROM audit_entry
         WHERE target_subject = $2 AND coalesce(target_tenant, actor_tenant) = $1 AND recorded_at < $3
         UNION ALL
         ${values}, 'target' FROM audit_entry
         WHERE actor_subject = $2 AND target_subject IS NULL
           AND coalesce(target_tenant, actor_tenant) = $1 AND recorded_at < $3
       ) own USING (recorded_at, entry_index, whose)`,
      [tenant, subject, erasedAt],
    );
    return Number(row?.rows ?? 0);
  }
}

/** The newest erasure of each person. */
function newestOf(erasures: readonly RecordedErasure[]): Erasure[] {
  const newest = new Map<string, Erasure>();
  for (const { entry, index } of erasures) {
    const { action, outcome, target, recordedAt: erasedAt } = entry;
    if (action !== 'audit.erase' || outcome !== 'success') continue;
    if (target?.tenant === undefined || target.subject === undefined) continue;
    const [tenant, subject] = [canonicalName(target.tenant), canonicalName(target.subject)];
    const key = `${tenant} ${subject}`;
    // The log's own come first, and are preferred to their copies.
    if (erasedAt > (newest.get(key)?.erasedAt ?? ''))
      newest.set(key, { tenant, subject, erasedAt, index });
  }
  return [...newest.values()];
}
