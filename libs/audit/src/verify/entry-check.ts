import { type AuditEntry, tryParseAuditEntry, type PersonalHashes } from '../entry/audit-entry.js';
import { differingColumns } from '../entry/entry-columns.js';
import {
  hasAllSalts,
  PERSONAL_HASH_NAMES,
  type PersonalValues,
  personalHashes,
} from '../entry/personal-values.js';
import type { AuditFaults } from './audit-fault.js';
import { type StoredEntry, type StoredPersonal, storedTime } from './stored-rows.js';

/** A person, as entries name them. */
export interface TenantSubject {
  readonly tenant: string;
  readonly subject: string;
}

/** Compares columns and personal values with the bytes of their entry. */
export class EntryCheck {
  /** By person, the entries whose values are missing and for which no later erasure was found yet. */
  readonly #missing = new Map<string, { person: TenantSubject; indexes: number[] }>();

  constructor(private readonly faults: AuditFaults) {}

  /** @returns the entry, or `undefined` when its bytes can't be decoded */
  check(row: StoredEntry): AuditEntry | undefined {
    const entry = tryParseAuditEntry(row.leaf);
    if (!entry) {
      this.faults.add('entry-differs', row.index, "the bytes can't be decoded");
      return undefined;
    }
    this.#checkColumns(row, entry);
    this.#checkPersonal(row, entry);
    this.#noteErasure(entry);
    return entry;
  }

  /**
   * Reports, after the last entry, values that are missing without an erasure: the first of each person.
   *
   * @param isErasedAfter whether an entry that was not checked erases the person's values of this index
   */
  async finish(
    isErasedAfter: (person: TenantSubject, index: number) => Promise<boolean>,
  ): Promise<void> {
    for (const { person, indexes } of this.#missing.values()) {
      // An erasure of the newest of them is one of all of them.
      const [first = 0] = indexes;
      if (await isErasedAfter(person, indexes.at(-1) ?? first)) continue;
      this.faults.add('personal-missing', first, 'values are missing without an erasure');
    }
  }

  #checkColumns(row: StoredEntry, entry: AuditEntry): void {
    const wrong = differingColumns(row, entry);
    if (row.id !== entry.id) wrong.push('id');
    if (row.at !== storedTime(entry.recordedAt)) wrong.push('recorded_at');
    if (wrong.length > 0) this.faults.add('column-differs', row.index, wrong.join(', '));
  }

  #checkPersonal(row: StoredEntry, entry: AuditEntry): void {
    const found: Partial<Record<keyof PersonalHashes, string>> = {};
    for (const stored of row.personal) {
      const values = valuesOf(stored);
      if (!values || !hasAllSalts(values)) {
        this.faults.add('personal-differs', row.index, 'values and salts do not match');
        continue;
      }
      Object.assign(found, personalHashes([values]));
    }
    for (const name of PERSONAL_HASH_NAMES) {
      const expected = entry.personal?.[name];
      const stored = found[name];
      if (expected === stored) continue;
      if (stored !== undefined) this.faults.add('personal-differs', row.index, name);
      else this.#noteMissing(row.index, entry, name);
    }
  }

  #noteMissing(index: number, entry: AuditEntry, name: keyof PersonalHashes): void {
    const person = name === 'targetDisplayName' ? targetOf(entry) : actorOf(entry);
    if (person === undefined) {
      this.faults.add('personal-missing', index, name);
      return;
    }
    const key = keyOf(person);
    const missing = this.#missing.get(key);
    if (missing) missing.indexes.push(index);
    else this.#missing.set(key, { person, indexes: [index] });
  }

  #noteErasure({ action, outcome, target }: AuditEntry): void {
    if (action !== 'audit.erase' || outcome !== 'success') return;
    const person = personOf(target?.tenant, target?.subject);
    if (person) this.#missing.delete(keyOf(person));
  }
}

function valuesOf(row: StoredPersonal): PersonalValues | undefined {
  if (row.whose !== 'actor' && row.whose !== 'target') return undefined;
  return {
    whose: row.whose,
    clientAddress: row.client_address ?? undefined,
    userAgent: row.user_agent ?? undefined,
    displayName: row.display_name ?? undefined,
    salts: row.salts,
  };
}

function actorOf({ actor }: AuditEntry): TenantSubject | undefined {
  return personOf(actor.tenant, actor.subject);
}

function targetOf({ actor, target }: AuditEntry): TenantSubject | undefined {
  return personOf(target?.tenant ?? actor.tenant, target?.subject ?? actor.subject);
}

function personOf(
  tenant: string | undefined,
  subject: string | undefined,
): TenantSubject | undefined {
  return tenant === undefined || subject === undefined ? undefined : { tenant, subject };
}

function keyOf({ tenant, subject }: TenantSubject): string {
  return `${tenant} ${subject}`;
}
