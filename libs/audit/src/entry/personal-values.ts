import { hash, randomFillSync } from 'node:crypto';
import { isPrincipal } from '#libs/platform';
import type { PersonalHashes } from './audit-entry.js';
import type { AuditEvent } from '../trail/audit-event.js';
import { truncate } from './sanitize.js';

/** The kinds of personal values, in the order of their salts. */
export const PERSONAL_FIELDS = ['clientAddress', 'userAgent', 'displayName'] as const;

export type PersonalField = (typeof PERSONAL_FIELDS)[number];

/** Values by kind. An absent value is undefined. */
export type PersonalTexts = Readonly<Partial<Record<PersonalField, string | undefined>>>;

/**
 * The personal values of one person in an entry: the actor or the target. They are stored beside the
 * log, which holds salted hashes of them only, so that they can be erased.
 */
export interface PersonalValues extends PersonalTexts {
  readonly whose: 'actor' | 'target';
  /** 16 random bytes for each present value, in the order of `PERSONAL_FIELDS`. */
  readonly salts: Buffer;
}

const SALT_BYTES = 16;
const MAX_VALUE_LENGTH = 512;

/** The personal values of an event, truncated. */
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

/** The hashes of the values for the entry; a member is absent when its value is. */
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
  for (const name of PERSONAL_HASH_NAMES) {
    const value = found[name];
    if (value !== undefined) hashes[name] = value;
  }
  return hashes;
}

/** Whether a hash `targetDisplayName` is that of a display name. @param salts as stored beside the log */
export function isRecordedName(displayName: string, hashed: string, salts: Buffer): boolean {
  const values = { whose: 'target', displayName: truncated(displayName), salts } as const;
  return hasAllSalts(values) && personalHashes([values])?.targetDisplayName === hashed;
}

/** The names of the hashes in canonical order (RFC 8785). */
export const PERSONAL_HASH_NAMES = [
  'actorDisplayName',
  'clientAddress',
  'targetDisplayName',
  'userAgent',
] as const satisfies readonly (keyof PersonalHashes)[];

/** The name of a value's hash in the entry. */
export function hashNameOf(whose: 'actor' | 'target', field: PersonalField): keyof PersonalHashes {
  if (field !== 'displayName') return field;
  return whose === 'actor' ? 'actorDisplayName' : 'targetDisplayName';
}

/** Whether there is a salt for each value, and at least one value. */
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

// One system call for many salts.
function randomBytes(count: number): Buffer {
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = Buffer.from(pool.subarray(used, used + count));
  used += count;
  return bytes;
}
