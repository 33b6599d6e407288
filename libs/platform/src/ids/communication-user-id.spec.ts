import {
  createIdentifierFromRawId,
  getIdentifierRawId,
  isCommunicationUserIdentifier,
  isMicrosoftTeamsAppIdentifier,
  isMicrosoftTeamsUserIdentifier,
  isTeamsExtensionUserIdentifier,
} from '@azure/communication-common';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalName } from './canonical-name.js';
import {
  canonicalCommunicationUserId,
  parseCommunicationUserId,
  teamsExtensionUserId,
} from './communication-user-id.js';
import { canonicalGuid, type Guid } from './guid.js';

/** With letters, so that its two cases differ. */
const guid = fc.uuid().map((text) => `ab${text.slice(2)}` as Guid); // fast-check writes lower case
const prefix = fc.constantFrom('', 'gcch-', 'dod-');
const cloudOf = (of: string) => (of === '' ? 'public' : of.slice(0, -1));

/** Valid ids and what they are. */
const valid = fc
  .record({ prefix, resource: guid, tenant: guid, user: guid, type: fc.nat({ max: 5 }) })
  .map(({ prefix: of, resource, tenant, user, type }) => {
    const cloud = cloudOf(of);
    const realm = cloud === 'public' ? 'orgid' : cloud;
    const [id, parts] = (
      [
        [`8:${of}acs:${resource}_${user}`, { kind: 'acsUser', resource }],
        [
          `8:${of}acs:${resource}_${tenant}_${user}`,
          { kind: 'teamsExtensionUser', resource, tenant },
        ],
        [`8:${of}acs:${resource}_wf_${tenant}_${user}`, { kind: 'entraUser', resource, tenant }],
        [`8:${realm}:${user}`, { kind: 'teamsUser' }],
        [`28:${realm}:${user}`, { kind: 'teamsApp' }],
        [`8:teamsvisitor:${user}`, { kind: 'teamsVisitor', cloud: 'public' }],
      ] as const
    )[type] ?? ['', {}];
    return { id, parsed: { id, cloud, user, ...parts } };
  });

/** Kinds that Microsoft's library has as one: it does not know the preview's `wf`. */
const KIND_OF_SDK: Readonly<Record<string, string>> = {
  entraUser: 'acsUser',
  teamsVisitor: 'teamsUser',
};

/** The kind that Microsoft's library gives to an id. */
function kindOfSdk(rawId: string): string {
  const identifier = createIdentifierFromRawId(rawId);
  expect(getIdentifierRawId(identifier)).toBe(rawId);
  if (isTeamsExtensionUserIdentifier(identifier)) return 'teamsExtensionUser';
  if (isMicrosoftTeamsUserIdentifier(identifier)) return 'teamsUser';
  if (isMicrosoftTeamsAppIdentifier(identifier)) return 'teamsApp';
  return isCommunicationUserIdentifier(identifier) ? 'acsUser' : 'unknown';
}

describe('communication user ids', () => {
  it('are read as Microsoft’s library reads them, with their parts', () => {
    fc.assert(
      fc.property(valid, ({ id, parsed }) => {
        expect(parseCommunicationUserId(id)).toEqual(parsed);
        const kind = 'kind' in parsed ? parsed.kind : '';
        expect(kindOfSdk(id)).toBe(KIND_OF_SDK[kind] ?? kind);
      }),
    );
  });

  it('have one canonical form, whatever the case of their letters', () => {
    fc.assert(
      fc.property(
        valid,
        fc.array(fc.boolean(), { minLength: 130, maxLength: 130 }),
        ({ id }, flips) => {
          const written = id
            .split('')
            .map((c, n) => (flips[n] === true ? c.toUpperCase() : c))
            .join('');
          expect(canonicalCommunicationUserId(written)).toBe(id);
          expect(canonicalName(written)).toBe(id);
        },
      ),
    );
  });

  it('are nothing else: one character more, less or other makes no id, or the id of another', () => {
    fc.assert(
      fc.property(
        valid,
        fc.nat(),
        fc.constantFrom('', '\n', ' ', '_', ':', 'g', '\u212a'),
        ({ id }, at, c) => {
          const place = at % (id.length + 1);
          for (const other of [
            id.slice(0, place) + c + id.slice(place + 1),
            id.slice(0, place) + c + id.slice(place),
          ]) {
            if (other.toLowerCase() === id) continue;
            const parsed = parseCommunicationUserId(other);
            if (!parsed) continue;
            // A part more or less may make the id of another kind.
            expect(parsed.id).toBe(other.toLowerCase());
            expect(kindOfSdk(parsed.id)).not.toBe('unknown');
          }
        },
      ),
    );
  });

  it.each([
    ['a visitor without a whole GUID', '8:teamsvisitor:e387ad4e'],
    ['a phone number', '4:+14255550123'],
    ['four parts', `8:acs:${Array(4).fill('e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001').join('_')}`],
    ['an application of an ACS resource', '28:acs:e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001'],
    [
      'the preview’s mark without a tenant',
      '8:acs:e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001_wf_e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50002',
    ],
    [
      'another cloud',
      '8:orgid-acs:e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001_e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50002',
    ],
  ])('are not those of %s', (_what, text) => {
    expect(parseCommunicationUserId(text)).toBeUndefined();
    expect(canonicalName(text)).toBe(text);
  });

  it('are made of the parts of a user of Teams Phone extensibility', () => {
    fc.assert(
      fc.property(guid, guid, guid, (resource, tenant, user) => {
        const id = teamsExtensionUserId({ resource, tenant, user });
        const expected = {
          id,
          kind: 'teamsExtensionUser',
          resource,
          tenant,
          user,
          cloud: 'public',
        };
        expect(parseCommunicationUserId(id)).toEqual(expected);
        expect(canonicalGuid(user)).toBe(user);
      }),
    );
  });
});
