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

it.each([
  ['0000:0000:0000:0000:0000:ffff:203.000.113.7', undefined],
  ['1111:2222:3333:4444:5555:6666:203.113.113.177', '1111:2222:3333:4444:5555:6666:cb71:71b1'],
  ['2001:db8::7', '2001:db8::7'],
])('spells the address %s in 40 characters', (clientAddress, expected) => {
  const actor = { kind: 'operator', name: 'test' } as const;
  const event = { action: 'identity.read', outcome: 'success', actor } as const;
  const { entry, leaf } = encodeEntry(event, Date.now());
  const line = ocsfLine({ index: 0, entry, leaf, personal: { clientAddress }, isDamaged: false });
  const { src_endpoint: endpoint } = JSON.parse(line) as { src_endpoint: { ip?: string } };
  expect(endpoint.ip).toBe(expected); // with a leading zero it is a name
});

it('calls damage of the log critical', () => {
  const actor = { kind: 'system', name: 'audit-log' } as const;
  const { entry, leaf } = encodeEntry(
    { action: 'audit.damage', outcome: 'failure', actor },
    Date.now(),
  );
  const line = ocsfLine({ index: 0, entry, leaf, personal: {}, isDamaged: false });
  expect(JSON.parse(line)).toMatchObject({ severity_id: 5 });
});
