import type { AuditEvent } from '#libs/audit';
import { alice, issued } from '#libs/audit/testing';
import { canonicalName, type Principal } from '#libs/platform';
import type { Prng } from './prng.js';

const PEOPLE = 24_000;
const OFFICES = 30;
/** Of each carrier address, several people at the same time. */
const CARRIER_ADDRESSES = 400;
const BACKENDS = 6;
const SECONDS = 1_000;
const HOUR_SECONDS = 3_600;
/** Seconds between two entries at each hour of a working day, on average: the peak is at nine. */
const PAUSES = [
  ...[60, 60, 60, 60, 50, 20, 3, 0.6, 0.4, 0.5, 0.7, 0.9],
  ...[0.7, 0.6, 0.9, 1, 1.2, 1.6, 4, 20, 40, 60, 60, 60],
];
/** The example in the rule on many lines. */
const PLANNED_EXPORTS = canonicalName('00000000-0000-0000-0000-000000000001');
const SCOPES = [['chat'], ['voip'], ['chat', 'voip']];

export interface OrdinaryEvent {
  readonly at: number;
  readonly event: AuditEvent;
}

/**
 * What happens in an organisation of 24,000 people without any attack. They work from Monday to Friday, in
 * offices whose people share an address, at home, or over the addresses of a carrier. They get tokens in the
 * morning and again during the day, end them in the evening, run into limits, lack permissions of other
 * people’s routes, and have expired credentials. Visitors of one company come to a meeting together. Backends
 * issue for others at any hour. Administrators, auditors and nightly jobs do their work, and the service starts, reads its secrets and loads its policy.
 *
 * @param from a midnight
 */
export function* ordinaryLife(prng: Prng, from: Date): Generator<OrdinaryEvent, never> {
  let nth = 0;
  let at = from.getTime();
  let nightly = at;
  for (;;) {
    const time = new Date(at);
    const isWeekend = time.getUTCDay() % 6 === 0;
    const pause = (PAUSES[time.getUTCHours()] ?? 1) * (isWeekend ? 60 : 1);
    at += Math.ceil(-Math.log(1 - prng.next()) * pause * SECONDS);
    if (at >= nightly) {
      for (const event of nightlyJobs(prng)) yield { at, event };
      nightly += 24 * HOUR_SECONDS * SECONDS;
    }
    nth += 1;
    const hour = new Date(at).getUTCHours();
    const event = hour >= 6 && hour < 20 ? atWork(prng, nth) : atNight(prng, nth);
    for (const one of event) yield { at, event: one };
  }
}

/** By weight, in thousandths. */
function atWork(prng: Prng, nth: number): readonly AuditEvent[] {
  const kind = prng.below(1_000);
  if (kind < 860) return [tokenOf(somebody(prng), prng, nth)];
  if (kind < 900) return [action('token.revoke', somebody(prng), nth)];
  if (kind < 945) return [backendToken(prng, nth)];
  if (kind < 950) return [refused('token.issue', 'policy-refused', somebody(prng), nth)];
  // A client in need of many tokens, which waits as Retry-After says, but not at once.
  if (kind < 951) {
    const person = somebody(prng);
    return Array.from({ length: 1 + prng.below(4) }, () =>
      refused('token.issue', 'token-quota-exceeded', person, nth),
    );
  }
  // Somebody opens a page for administrators, and works as before.
  if (kind < 953) {
    const person = somebody(prng);
    const route = prng.pick(['/v1/identities', '/v1/audit/entries', '/v1/audit/export']);
    const permission = route.includes('audit')
      ? 'AuditLog.Read.All'
      : 'CommunicationIdentity.Read.All';
    return [
      {
        ...refused('authorization.deny', 'insufficient-permission', person, nth),
        details: { method: 'GET', route, permission },
      },
      tokenOf(person, prng, nth),
    ];
  }
  if (kind < 965) return [rejections(prng, nth)];
  if (kind < 984) return administration(prng, nth);
  if (kind < 985) return meeting(prng, nth);
  return [ofService(prng, nth)];
}

function atNight(prng: Prng, nth: number): readonly AuditEvent[] {
  const kind = prng.below(100);
  if (kind < 60) return [backendToken(prng, nth)];
  if (kind < 70) return [rejections(prng, nth)];
  return [ofService(prng, nth)];
}

interface Person {
  readonly actor: Principal;
  readonly address: string;
  readonly nth: number;
}

function somebody(prng: Prng): Person {
  const nth = prng.below(PEOPLE);
  const actor = { ...alice, subject: canonicalName(`person-${nth}`), displayName: `Person ${nth}` };
  const isCarrier = prng.below(10) === 0;
  return { nth, actor, address: isCarrier ? carrierAddress(prng) : placeOf(nth) };
}

/** Six of ten people work in an office; some of the others share a home. A third of them has IPv6. */
function placeOf(nth: number): string {
  const isIpv6 = nth % 3 === 0;
  const interfaceId = (nth + 1).toString(16);
  if (nth % 10 < 6)
    return isIpv6 ? `2001:db8:203:113::${interfaceId}` : `203.0.113.${1 + (nth % OFFICES)}`;
  const home = Math.floor(nth / 2);
  if (isIpv6) return `2001:db8:${(0x1000 + home).toString(16)}:1::${interfaceId}`;
  return `100.${64 + (home >> 16)}.${(home >> 8) & 255}.${home & 255}`;
}

function carrierAddress(prng: Prng): string {
  const nth = prng.below(CARRIER_ADDRESSES);
  return `198.18.${nth >> 8}.${nth & 255}`;
}

function requestOf({ address }: Pick<Person, 'address'>, nth: number): AuditEvent['request'] {
  const { request } = issued(nth);
  return request && { ...request, clientAddress: address };
}

function tokenOf(person: Person, prng: Prng, nth: number): AuditEvent {
  const { target } = issued(person.nth, person.actor);
  const event = issued(nth, person.actor);
  const token = event.token && { ...event.token, scopes: prng.pick(SCOPES) };
  const request = requestOf(person, nth);
  return {
    ...event,
    ...(target && { target }),
    ...(token && { token }),
    ...(request && { request }),
  };
}

function action(name: AuditEvent['action'], person: Person, nth: number): AuditEvent {
  const { target } = issued(person.nth, person.actor);
  const request = requestOf(person, nth);
  return {
    ...{ action: name, outcome: 'success', actor: person.actor },
    ...(target && { target }),
    ...(request && { request }),
  };
}

function refused(
  name: AuditEvent['action'],
  code: string,
  person: Person,
  nth: number,
): AuditEvent {
  return { ...action(name, person, nth), outcome: 'denied', reason: { code } };
}

/** A backend of the organisation gets tokens for its users, at any hour and from one address. */
function backendToken(prng: Prng, nth: number): AuditEvent {
  const backend = prng.below(BACKENDS);
  const actor: Principal = {
    ...alice,
    ...{ kind: 'service', subject: canonicalName(`backend-${backend}`) },
    permissions: ['CommunicationToken.Issue.All'],
  };
  const person = { ...somebody(prng), address: `10.20.0.${backend + 1}` };
  return { ...tokenOf(person, prng, nth), actor, details: { forOthers: true } };
}

/** Expired credentials, of which one entry counts those of a minute and a network. */
function rejections(prng: Prng, nth: number): AuditEvent {
  const request = requestOf({ address: placeOf(prng.below(PEOPLE)) }, nth);
  return {
    ...{ action: 'authentication.reject', outcome: 'denied', actor: { kind: 'unauthenticated' } },
    reason: { code: prng.pick(['expired', 'expired', 'audience']) },
    ...(request && { request }),
    details: { count: 1 + Math.floor(60 * prng.next() ** 4) },
  };
}

/** Two administrators and an auditor. */
function administration(prng: Prng, nth: number): AuditEvent[] {
  const clerk = prng.below(3);
  const actor = { ...alice, subject: canonicalName(`clerk-${clerk}`) };
  const person = { ...somebody(prng), address: placeOf(clerk) };
  // Everything about a person, as the console exports it.
  if (prng.below(100) === 0) return exportsOf(person, actor);
  const name = prng.pick([
    ...(['identity.create', 'identity.read', 'identity.read', 'identity.update'] as const),
    ...(['identity.suspend', 'identity.resume', 'identity.delete', 'audit.read'] as const),
    ...(['audit.read', 'teams-phone.assign', 'teams-phone.read'] as const),
  ]);
  const details = name === 'audit.read' ? { route: 'entries', limit: 100 } : {};
  return [{ ...action(name, person, nth), actor, details }];
}

function exportsOf({ actor: { subject } }: Person, actor: Principal): AuditEvent[] {
  return [{ actorSubject: [subject] }, { targetSubject: [subject] }].flatMap((filter) =>
    [{ stage: 'begun' }, { stage: 'ended', exported: 40 }].map((stage) => ({
      ...{ action: 'audit.export', outcome: 'success', actor },
      details: { ...filter, ...stage },
    })),
  );
}

/** Visitors of one company, who use one invitation in its office. */
function meeting(prng: Prng, nth: number): AuditEvent[] {
  const address = `192.0.2.${prng.below(250)}`;
  const actor = { kind: 'visitor', tenant: alice.tenant, invitation: `meeting-${nth}` } as const;
  return Array.from({ length: 2 + prng.below(28) }, (_, visitor) => ({
    ...tokenOf({ ...somebody(prng), nth: PEOPLE + 30 * nth + visitor, address }, prng, nth),
    actor,
  }));
}

function ofService(prng: Prng, nth: number): AuditEvent {
  const choice = prng.below(200);
  const system = (name: string): AuditEvent['actor'] => ({ kind: 'system', name });
  if (choice === 0) {
    return { action: 'configuration.load', outcome: 'success', actor: system('configuration') };
  }
  if (choice === 1) {
    const details = { version: 'b', rules: 3 };
    return { action: 'policy.load', outcome: 'success', actor: system('issuance-policy'), details };
  }
  const secret = prng.pick(['acs-connection-string', 'audit-signing-key', 'audit-fingerprint-key']);
  // Key Vault is away now and then.
  const outcome = choice === 2 ? 'failure' : 'success';
  const details = { secret, version: String(nth % 4) };
  const name = choice === 3 ? 'secret.rotate' : 'secret.read';
  return { action: name, outcome, actor: system('secret-store'), details };
}

/** An import of the personnel department, and one export each of identities and of the log. */
function nightlyJobs(prng: Prng): AuditEvent[] {
  const actor: Principal = {
    ...alice,
    kind: 'service',
    subject: canonicalName('nightly-job'),
    clientApp: PLANNED_EXPORTS,
  };
  const twice = (name: AuditEvent['action']): AuditEvent[] =>
    [{ stage: 'begun' }, { stage: 'ended', exported: 20_000 + prng.below(4_000) }].map(
      (details) => ({
        ...{ action: name, outcome: 'success', actor, details },
      }),
    );
  return [...twice('identity.import'), ...twice('identity.export'), ...twice('audit.export')];
}
