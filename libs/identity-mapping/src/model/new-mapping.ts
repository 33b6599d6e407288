import type { ApplicationIdentity } from './application-identity.js';
import type { Mapping } from './mapping.js';
import { uuidV7 } from './uuid-v7.js';

type Given = ApplicationIdentity &
  Pick<Mapping, 'resource'> &
  Partial<Pick<Mapping, 'status' | 'communicationUserId' | 'displayName' | 'isRevoking'>>;

/** A mapping that is not stored yet, in its first version; pending unless told otherwise. */
export function newMapping(given: Given, nowMs: number): Mapping {
  return {
    status: 'pending',
    communicationUserId: undefined,
    displayName: undefined,
    isRevoking: false,
    ...given,
    id: uuidV7(nowMs),
    version: 1,
    tokenGeneration: 1,
    createdAt: new Date(nowMs),
    updatedAt: new Date(nowMs),
    deletedAt: undefined,
  };
}
