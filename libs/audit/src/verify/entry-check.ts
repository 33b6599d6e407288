import { type AuditEntry, tryParseAuditEntry, type PersonalHashes } from '../entry/audit-entry.js';
import { ENTRY_COLUMN_NAMES, entryColumns } from '../entry/entry-columns.js';
import { hasAllSalts, type PersonalValues, personalHashes } from '../entry/personal-values.js';
import type { AuditFaults } from './audit-fault.js';
import { type StoredEntry, type StoredPersonal, storedTime } from './stored-rows.js';

const TARGET_HASH = 'targetDisplayName';
const HASH_NAMES = [
  'actorDisplayName',
  'clientAddress',
  TARGET_HASH,
  'userAgent',
] as const satisfies readonly (keyof PersonalHashes)[];

/** Holds what is stored beside the bytes of an entry against these bytes. */
export class EntryCheck {
  /** By person, the entries whose values are gone, for which no erasure was met yet. */
  readonly #missing = new Map<string, number[]>();

  constructor(private readonly faults: AuditFaults) {}

  /** @returns the entry, or `undefined` when its bytes are none */
  check(row: StoredEntry): AuditEntry | undefined {
    const entry = tryParseAuditEntry(row.leaf);
    if (!entry) {
      this.faults.add('entry-differs', row.index, 'the bytes are no entry');
      return undefined;
    }
    this.#checkColumns(row, entry);
    this.#checkPersonal(row, entry);
    this.#noteErasure(entry);
    return entry;
  }

  /** Reports values that are gone although nobody erased them. */
  finish(): void {
    for (const indexes of this.#missing.values()) {
      for (const index of indexes.slice(0, 1)) {
        this.faults.add('personal-missing', index, 'values are gone that nobody erased');
      }
    }
  }

  #checkColumns(row: StoredEntry, entry: AuditEntry): void {
    const derived = entryColumns(entry);
    const wrong: string[] = ENTRY_COLUMN_NAMES.filter((name) => row[name] !== derived[name]);
    if (row.id !== entry.id) wrong.push('id');
    if (row.at !== storedTime(entry.recordedAt)) wrong.push('recorded_at');
    if (wrong.length > 0) this.faults.add('column-differs', row.index, wrong.join(', '));
  }

  #checkPersonal(row: StoredEntry, entry: AuditEntry): void {
    const found: Partial<Record<keyof PersonalHashes, string>> = {};
    for (const stored of row.personal) {
      const values = valuesOf(stored);
      if (!values || !hasAllSalts(values)) {
        this.faults.add('personal-differs', row.index, 'values and salts do not fit');
        continue;
      }
      Object.assign(found, personalHashes([values]));
    }
    for (const member of HASH_NAMES) {
      const wanted = entry.personal?.[member];
      const stored = found[member];
      if (wanted === stored) continue;
      if (stored !== undefined) this.faults.add('personal-differs', row.index, member);
      else this.#noteMissing(row.index, entry, member);
    }
  }

  #noteMissing(index: number, entry: AuditEntry, member: keyof PersonalHashes): void {
    const person = member === TARGET_HASH ? targetOf(entry) : actorOf(entry);
    if (person === undefined) {
      this.faults.add('personal-missing', index, member);
      return;
    }
    const indexes = this.#missing.get(person);
    if (indexes) indexes.push(index);
    else this.#missing.set(person, [index]);
  }

  #noteErasure({ action, outcome, target }: AuditEntry): void {
    if (action !== 'audit.erase' || outcome !== 'success') return;
    this.#missing.delete(personKey(target?.tenant, target?.subject) ?? '');
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

function actorOf({ actor }: AuditEntry): string | undefined {
  return personKey(actor.tenant, actor.subject);
}

function targetOf({ actor, target }: AuditEntry): string | undefined {
  return personKey(target?.tenant ?? actor.tenant, target?.subject ?? actor.subject);
}

function personKey(tenant: string | undefined, subject: string | undefined): string | undefined {
  return tenant === undefined || subject === undefined ? undefined : `${tenant} ${subject}`;
}
