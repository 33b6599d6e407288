import { expect, it } from 'vitest';
import { encodeEntry } from '../entry/encode-entry.js';
import type { AuditAction } from '../trail/audit-event.js';
import { ocsfLine } from './ocsf.js';

// Entity Management of OCSF 1.8.0: 12 Suspend, 13 Resume. 8 and 9 are Enable and Disable.
it.each<[AuditAction, number]>([
  ['identity.create', 300401],
  ['identity.read', 300402],
  ['identity.update', 300403],
  ['identity.delete', 300404],
  ['identity.suspend', 300412],
  ['identity.resume', 300413],
])('classifies %s as %i', (action, typeUid) => {
  const actor = { kind: 'operator', name: 'test' } as const;
  const { entry, leaf } = encodeEntry({ action, outcome: 'success', actor }, Date.now());
  const line = ocsfLine({ index: 0, entry, leaf, personal: {}, isDamaged: false });
  expect(JSON.parse(line)).toMatchObject({ type_uid: typeUid });
});
