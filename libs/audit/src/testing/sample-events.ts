import { canonicalName, type Principal } from '#libs/platform';
import type { AuditEvent } from '../trail/audit-event.js';

/** An authenticated user of the home tenant. */
export const alice: Principal = {
  kind: 'user',
  issuer: 'https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0',
  tenant: canonicalName('72f988bf-86f1-41af-91ab-2d7cd011db47'),
  subject: canonicalName('00000000-0000-4000-8000-00000000a11c'),
  clientApp: canonicalName('11111111-2222-4333-8444-555555555555'),
  permissions: ['CommunicationToken.Issue'],
  tokenId: 'uti-0123456789abcdef',
  isGuest: false,
  displayName: 'Alice Example',
};

/** The issuance of a token. `nth` makes its ids and its fingerprint unique. */
export function issued(nth = 0, actor: Principal = alice): AuditEvent {
  const hex = nth.toString(16).padStart(12, '0');
  return {
    action: 'token.issue',
    outcome: 'success',
    actor,
    target: {
      identityId: `01890000-0000-7000-8000-${hex}`,
      kind: 'user',
      tenant: actor.tenant,
      subject: actor.subject,
      communicationUserId: `8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_00000010-0000-0000-0000-${hex}`,
      resource: 'primary',
    },
    token: {
      fingerprint: `fingerprint${hex}`.padEnd(43, 'A'),
      fingerprintKey: '0123456789abcdef0123456789abcdef',
      scopes: ['chat', 'voip'],
      expiresOn: new Date('2026-11-24T10:00:00Z'),
    },
    policy: { rule: 'default', version: '1' },
    upstream: { secretVersion: 'fedcba9876543210fedcba9876543210', correlationVector: 'qWeRtY.0' },
    request: {
      requestId: `019abcde-0000-7000-8000-${hex}`,
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      clientAddress: `203.0.113.${nth % 256}`,
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36',
    },
    details: { expiresInMinutes: 1440 },
  };
}

/** A request that was denied because of a missing permission. */
export function denied(actor: Principal = alice): AuditEvent {
  return {
    action: 'authorization.deny',
    outcome: 'denied',
    actor,
    reason: { code: 'insufficient-permission', detail: 'CommunicationToken.Issue is missing' },
  };
}
