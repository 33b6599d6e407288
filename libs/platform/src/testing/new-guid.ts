import { randomUUID } from 'node:crypto';
import { canonicalGuid, type Guid } from '../ids/guid.js';

/** A random GUID. */
export function newGuid(): Guid {
  const guid = canonicalGuid(randomUUID());
  if (guid === undefined) throw new Error('a random UUID is a GUID');
  return guid;
}
