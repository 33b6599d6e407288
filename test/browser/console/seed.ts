import { openTestLog } from '#libs/audit/testing';
import type { AuditEvent } from '#libs/audit';
import type { DeniedCall } from '#libs/authentication';
import { canonicalName, type Principal } from '#libs/platform';
import { type PersonName, SAMPLE_APPS, SAMPLE_PEOPLE } from '../../../apps/emulator/src/index.js';

/** Issuances in the log: more than three pages of a list. */
const ISSUED = 300;

/** Changes that Nora makes to Carol, every other one followed by an act of Carol on Bob: more than a page of each. */
const CHANGES = 120;

/** As the service records a call that it refuses. */
const REFUSED_CALL = {
  permission: 'AuditLog.Read.All',
  method: 'GET',
  route: '/v1/audit/entries',
} satisfies Omit<DeniedCall, 'code'>;

/** A text that would do something if a page took it for HTML. */
export const HOSTILE = '<img src=x onerror="document.title=1"> ${alert(1)} \u202Etxt';

/** A person of the emulator, as the service records a caller. */
function principal(name: PersonName, displayName?: string): Principal {
  const person = SAMPLE_PEOPLE[name];
  return {
    kind: 'user',
    issuer: `https://login.microsoftonline.com/${person.tenantId}/v2.0`,
    tenant: canonicalName(person.tenantId),
    subject: canonicalName(person.objectId),
    clientApp: canonicalName(SAMPLE_APPS['sample-web-app'].clientId),
    permissions: person.scopes.filter((scope) => scope !== 'Profile.Read'),
    tokenId: `uti-of-${name}`,
    isGuest: 'guestOf' in person,
    displayName: displayName ?? person.displayName,
  };
}

function issued(actor: Principal, nth: number): AuditEvent {
  const id = nth.toString(16).padStart(12, '0');
  return {
    action: nth % 7 === 0 ? 'token.reuse' : 'token.issue',
    outcome: 'success',
    actor,
    target: {
      identityId: `01890000-0000-7000-8000-${actor.subject.slice(-12)}`,
      kind: 'user',
      tenant: actor.tenant,
      subject: actor.subject,
      communicationUserId: `8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_00000010-0000-0000-0000-${actor.subject.slice(-12)}`,
      resource: 'primary',
    },
    token: {
      fingerprint: `seeded${id}`.padEnd(43, 'A'),
      fingerprintKey: '0123456789abcdef0123456789abcdef',
      scopes: nth % 3 === 0 ? ['chat', 'voip'] : ['voip'],
      expiresOn: new Date(Date.now() + 3_600_000),
    },
    policy: { rule: 'default', version: '1' },
    request: {
      requestId: `5e77ab1e-0000-4000-8000-${id}`,
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      clientAddress: `203.0.113.${nth % 200}`,
      userAgent: 'Mozilla/5.0',
    },
  };
}

function refused(actor: Principal, nth: number, detail?: string): AuditEvent {
  const { request } = issued(actor, nth);
  return {
    action: 'authorization.deny',
    outcome: 'denied',
    actor,
    reason: { code: 'insufficient-permission', ...(detail !== undefined && { detail }) },
    ...(request && {
      request: {
        ...request,
        requestId: `5e77ab1e-0000-4000-9000-${String(nth).padStart(12, '0')}`,
      },
    }),
    details: REFUSED_CALL,
  };
}

function changed(actor: Principal, target: Principal, nth: number): AuditEvent {
  const { request, target: identity } = issued(target, nth);
  return {
    action: 'identity.update',
    outcome: 'success',
    actor,
    ...(identity && { target: identity }),
    ...(target.displayName !== undefined && { displayName: target.displayName }),
    ...(request && { request }),
    details: { changed: ['displayName'], displayName: 'replaced' },
  };
}

/** Fills the log with entries of several people and tenants, refusals, hostile texts and an erased name. */
export async function seedLog(url: string, origin: string): Promise<void> {
  const home = canonicalName(SAMPLE_PEOPLE.erin.tenantId);
  const log = await openTestLog(url, { homeTenant: home, origin });
  try {
    const people = [principal('alice'), principal('bob'), principal('carol'), principal('olga')];
    await log.trail.record(issued(principal('ada', 'Erased Emma'), 9_999));
    await log.auditLog.erase(
      { actor: principal('erin'), request: { requestId: 'erasure' } },
      { tenant: principal('ada').tenant, subject: principal('ada').subject },
    );
    await Promise.all(
      Array.from({ length: ISSUED }, async (_, nth) => {
        const person = people[nth % people.length];
        if (person) await log.trail.record(issued(person, nth));
      }),
    );
    const [carol, bob, nora] = [principal('carol'), principal('bob'), principal('nora')];
    const changes = Array.from({ length: CHANGES }, (_, nth) =>
      nth % 2 === 0
        ? [changed(carol, bob, nth), changed(nora, carol, nth)]
        : [changed(nora, carol, nth)],
    );
    await Promise.all(changes.flat().map(async (change) => log.trail.record(change)));
    for (let nth = 0; nth < 12; nth += 1)
      await log.trail.record(refused(principal('mallory'), nth));
    await log.trail.record(refused(principal('mallory', HOSTILE), 100, HOSTILE));
    await log.trail.record({
      ...issued(principal('bob'), 5_000),
      outcome: 'failure',
      reason: { code: 'acs-unavailable', detail: 'ACS did not answer within 10 seconds.' },
    });
    await log.trail.record({
      action: 'identity.outcome-unknown',
      outcome: 'unknown',
      actor: principal('alice'),
      ...(issued(principal('alice'), 0).target && { target: issued(principal('alice'), 0).target }),
    });
  } finally {
    await log.close();
  }
}
