import { describe, expect, it } from 'vitest';
import type { Entry, ListedEntry } from '../api/api.js';
import { counted } from './counted.js';
import { sentenceText } from './sentences.js';

/** An entry of Grace's. */
function listed(part: Partial<Entry>): ListedEntry {
  const actor = { kind: 'user', tenant: 'home', subject: 'grace' };
  return {
    index: 7,
    entry: { outcome: 'success', actor, ...part },
    personal: { actorDisplayName: 'Grace Green' },
  } as unknown as ListedEntry; // what a sentence is made of
}

describe('the sentence of an entry', () => {
  it.each([
    ['audit.trace', { by: 'token' }, 'Grace Green traced a token'],
    ['audit.trace', { by: 'fingerprint' }, 'Grace Green traced a token by its fingerprint'],
    [
      'audit.trace',
      { by: 'tokenId', tokenId: 'uti-7' },
      'Grace Green traced the tokens of the session uti-7',
    ],
    [
      'audit.read',
      { route: 'entries', actorSubject: 'bob', reasonCode: 'rejected' },
      'Grace Green read the log: entries with person bob, reason rejected',
    ],
    [
      'token.revoke',
      { stage: 'requested' },
      'Grace Green requested the revocation of all tokens of somebody',
    ],
    [
      'token.revoke',
      { stage: 'confirmed' },
      'Grace Green revoked all tokens of somebody (confirmed)',
    ],
    [
      'token.revoke',
      { stage: 'being deleted' },
      'Grace Green signed out, while the deletion of the identity revokes its tokens',
    ],
    ['revocation.end', { identities: 1 }, 'Grace Green had revoked the tokens of 1 identity'],
    [
      'revocation.end',
      { identities: 1204 },
      'Grace Green had revoked the tokens of 1,204 identities',
    ],
    [
      'invitation.create',
      { uses: 1, meeting: 'consultation' },
      'Grace Green invited 1 visitor to consultation',
    ],
  ])('of %s with %j is “%s”', (action, details, sentence) => {
    expect(sentenceText(listed({ action, details }))).toBe(sentence);
  });

  it.each([
    [
      'insufficient-permission',
      { permission: 'AuditLog.Read.All', method: 'GET', route: '/v1/audit/entries' },
      'GET /v1/audit/entries, which needs AuditLog.Read.All: insufficient-permission',
    ],
    [
      'delegation-missing',
      { permission: 'CommunicationToken.Issue', method: 'POST', route: '/v1/me/tokens' },
      'POST /v1/me/tokens: delegation-missing',
    ],
    [
      'cross-site-request',
      { method: 'POST', route: '/v1/me/tokens', site: 'cross-site' },
      'POST /v1/me/tokens: cross-site-request',
    ],
  ])(
    'of a call that was refused for %s names the call, and a permission that is missing',
    (code, details, what) => {
      const refused = {
        action: 'authorization.deny',
        outcome: 'denied',
        reason: { code },
      } as const;
      expect(sentenceText(listed({ ...refused, details }))).toBe(`Grace Green was refused ${what}`);
    },
  );

  it('says that the identities of a tenant were listed', () => {
    const read = { action: 'identity.read', details: { found: 2 } };
    expect(sentenceText(listed({ ...read, target: { tenant: 'home' } }))).toBe(
      'Grace Green looked up identities of the tenant home, 2 found',
    );
  });

  it('says once that the answer of ACS was lost', () => {
    const target = { tenant: 'home', subject: 'grace' };
    expect(
      sentenceText(listed({ action: 'identity.outcome-unknown', outcome: 'unknown', target })),
    ).toBe('ACS’s answer was lost: it is not known whether Grace Green created their own identity');
  });
});

describe('a counted noun', () => {
  it.each([
    [0, '0 entries'],
    [1, '1 entry'],
    [1204, '1,204 entries'],
  ])('of %d is %s', (count, text) => {
    expect(counted(count, 'entry', 'entries')).toBe(text);
  });
});
