import { hash, randomFillSync } from 'node:crypto';
import { isCaller } from './actor.js';
import type { PersonalHashes } from './audit-entry.js';
import type { AuditEvent } from './audit-event.js';
import { cut } from './harmless-text.js';

/**
 * The personal values of an entry that belong to one person, outside the log so that they can be
 * erased: those of the actor, or those of the target.
 */
export interface PersonalValues {
  readonly whose: 'actor' | 'target';
  readonly clientAddress?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly displayName?: string | undefined;
  /** 16 random bytes for the address, then for the user agent, then for the name. */
  readonly salts: Buffer;
}

const saltBytes = 16;
const personalTextLimit = 512;

/** Takes the personal values out of an event. */
export function personalValuesOf(event: AuditEvent): PersonalValues[] {
  const { actor, request, displayName } = event;
  const clientAddress = shortened(request?.clientAddress);
  const userAgent = shortened(request?.userAgent);
  const actorName = isCaller(actor) ? shortened(actor.displayName) : undefined;
  const values: PersonalValues[] = [];
  if (clientAddress !== undefined || userAgent !== undefined || actorName !== undefined) {
    values.push({
      whose: 'actor',
      clientAddress,
      userAgent,
      displayName: actorName,
      salts: randomBytes(3 * saltBytes),
    });
  }
  const targetName = shortened(displayName);
  if (targetName !== undefined) {
    values.push({ whose: 'target', displayName: targetName, salts: randomBytes(3 * saltBytes) });
  }
  return values;
}

/** What stands for the values in the entry; a member is missing when its value is. */
export function personalHashes(values: readonly PersonalValues[]): PersonalHashes | undefined {
  if (values.length === 0) return undefined;
  const actor = values.find(({ whose }) => whose === 'actor');
  const target = values.find(({ whose }) => whose === 'target');
  return {
    ...(actor?.displayName !== undefined && {
      actorDisplayName: saltedHash(actor, 2, actor.displayName),
    }),
    ...(actor?.clientAddress !== undefined && {
      clientAddress: saltedHash(actor, 0, actor.clientAddress),
    }),
    ...(target?.displayName !== undefined && {
      targetDisplayName: saltedHash(target, 2, target.displayName),
    }),
    ...(actor?.userAgent !== undefined && { userAgent: saltedHash(actor, 1, actor.userAgent) }),
  };
}

function saltedHash({ salts }: PersonalValues, place: number, value: string): string {
  const size = Buffer.byteLength(value);
  const input = Buffer.allocUnsafe(saltBytes + size);
  salts.copy(input, 0, place * saltBytes, (place + 1) * saltBytes);
  input.write(value, saltBytes);
  return hash('sha256', input, 'base64url');
}

function shortened(value: string | undefined): string | undefined {
  return value === undefined ? undefined : cut(value, personalTextLimit);
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
