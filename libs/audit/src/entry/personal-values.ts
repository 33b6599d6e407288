import { hash, randomFillSync } from 'node:crypto';
import { isPrincipal } from '../trail/actor.js';
import type { PersonalHashes } from './audit-entry.js';
import type { AuditEvent } from '../trail/audit-event.js';
import { truncate } from './sanitize.js';

/** The values themselves, in the order of their salts. */
export const PERSONAL_FIELDS = ['clientAddress', 'userAgent', 'displayName'] as const;

export type PersonalField = (typeof PERSONAL_FIELDS)[number];

/** An absent value is undefined. */
export type PersonalTexts = Readonly<Partial<Record<PersonalField, string | undefined>>>;

/**
 * The personal values of an entry that belong to one person, outside the log so that they can be
 * erased: those of the actor, or those of the target.
 */
export interface PersonalValues extends PersonalTexts {
  readonly whose: 'actor' | 'target';
  /** 16 random bytes for each value that is there, in the order above. */
  readonly salts: Buffer;
}

const SALT_BYTES = 16;
const MAX_VALUE_LENGTH = 512;

/** Takes the personal values out of an event. */
export function personalValuesOf(event: AuditEvent): PersonalValues[] {
  const { actor, request, displayName } = event;
  const values: PersonalValues[] = [];
  const add = (whose: 'actor' | 'target', texts: PersonalTexts): void => {
    const count = PERSONAL_FIELDS.filter((field) => texts[field] !== undefined).length;
    if (count > 0) values.push({ whose, ...texts, salts: randomBytes(count * SALT_BYTES) });
  };
  add('actor', {
    clientAddress: truncated(request?.clientAddress),
    userAgent: truncated(request?.userAgent),
    displayName: isPrincipal(actor) ? truncated(actor.displayName) : undefined,
  });
  add('target', { displayName: truncated(displayName) });
  return values;
}

/** What stands for the values in the entry; a member is missing when its value is. */
export function personalHashes(values: readonly PersonalValues[]): PersonalHashes | undefined {
  if (values.length === 0) return undefined;
  const found: { -readonly [Member in keyof PersonalHashes]: string } = {};
  for (const some of values) {
    let salt = 0;
    for (const field of PERSONAL_FIELDS) {
      const value = some[field];
      if (value === undefined) continue;
      found[hashNameOf(some.whose, field)] = saltedHash(some.salts, salt, value);
      salt += SALT_BYTES;
    }
  }
  const hashes: typeof found = {};
  for (const name of CANONICAL_ORDER) {
    const value = found[name];
    if (value !== undefined) hashes[name] = value;
  }
  return hashes;
}

const CANONICAL_ORDER = [
  'actorDisplayName',
  'clientAddress',
  'targetDisplayName',
  'userAgent',
] as const satisfies readonly (keyof PersonalHashes)[];

/** Which hash in the entry stands for a value beside it. */
export function hashNameOf(whose: 'actor' | 'target', field: PersonalField): keyof PersonalHashes {
  if (field !== 'displayName') return field;
  return whose === 'actor' ? 'actorDisplayName' : 'targetDisplayName';
}

/** Whether the salts are as many as the values. */
export function hasAllSalts(values: PersonalValues): boolean {
  const count = PERSONAL_FIELDS.filter((field) => values[field] !== undefined).length;
  return count > 0 && values.salts.length === count * SALT_BYTES;
}

function saltedHash(salts: Buffer, salt: number, value: string): string {
  const input = Buffer.allocUnsafe(SALT_BYTES + Buffer.byteLength(value));
  salts.copy(input, 0, salt, salt + SALT_BYTES);
  input.write(value, SALT_BYTES);
  return hash('sha256', input, 'base64url');
}

function truncated(value: string | undefined): string | undefined {
  return value === undefined ? undefined : truncate(value, MAX_VALUE_LENGTH);
}

const pool = Buffer.alloc(9600);
let used = pool.length;

// One call of the system for many salts.
function randomBytes(count: number): Buffer {
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = Buffer.from(pool.subarray(used, used + count));
  used += count;
  return bytes;
}
