import { hash, randomFillSync } from 'node:crypto';
import { isPrincipal } from '../trail/actor.js';
import type { PersonalHashes } from './audit-entry.js';
import type { AuditEvent } from '../trail/audit-event.js';
import { truncate } from './sanitize.js';

/** The values themselves, in the order of their salts. */
export const personalFields = ['clientAddress', 'userAgent', 'displayName'] as const;

export type PersonalField = (typeof personalFields)[number];

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

const saltBytes = 16;
const personalTextLimit = 512;

/** Takes the personal values out of an event. */
export function personalValuesOf(event: AuditEvent): PersonalValues[] {
  const { actor, request, displayName } = event;
  const values: PersonalValues[] = [];
  const add = (whose: 'actor' | 'target', texts: PersonalTexts): void => {
    const count = personalFields.filter((field) => texts[field] !== undefined).length;
    if (count > 0) values.push({ whose, ...texts, salts: randomBytes(count * saltBytes) });
  };
  add('actor', {
    clientAddress: shortened(request?.clientAddress),
    userAgent: shortened(request?.userAgent),
    displayName: isPrincipal(actor) ? shortened(actor.displayName) : undefined,
  });
  add('target', { displayName: shortened(displayName) });
  return values;
}

/** What stands for the values in the entry; a member is missing when its value is. */
export function personalHashes(values: readonly PersonalValues[]): PersonalHashes | undefined {
  if (values.length === 0) return undefined;
  const found: { -readonly [Member in keyof PersonalHashes]: string } = {};
  for (const some of values) {
    let salt = 0;
    for (const field of personalFields) {
      const value = some[field];
      if (value === undefined) continue;
      found[memberOf(some.whose, field)] = saltedHash(some.salts, salt, value);
      salt += saltBytes;
    }
  }
  const hashes: typeof found = {};
  for (const name of canonicalOrder) {
    const value = found[name];
    if (value !== undefined) hashes[name] = value;
  }
  return hashes;
}

const canonicalOrder = [
  'actorDisplayName',
  'clientAddress',
  'targetDisplayName',
  'userAgent',
] as const satisfies readonly (keyof PersonalHashes)[];

/** Which hash in the entry stands for a value beside it. */
export function memberOf(whose: 'actor' | 'target', field: PersonalField): keyof PersonalHashes {
  if (field !== 'displayName') return field;
  return whose === 'actor' ? 'actorDisplayName' : 'targetDisplayName';
}

/** Whether the salts are as many as the values. */
export function hasAllSalts(values: PersonalValues): boolean {
  const count = personalFields.filter((field) => values[field] !== undefined).length;
  return count > 0 && values.salts.length === count * saltBytes;
}

function saltedHash(salts: Buffer, salt: number, value: string): string {
  const input = Buffer.allocUnsafe(saltBytes + Buffer.byteLength(value));
  salts.copy(input, 0, salt, salt + saltBytes);
  input.write(value, saltBytes);
  return hash('sha256', input, 'base64url');
}

function shortened(value: string | undefined): string | undefined {
  return value === undefined ? undefined : truncate(value, personalTextLimit);
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
