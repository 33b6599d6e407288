import type { AuditEvent } from '#libs/audit';
import { alice, denied, issued } from '#libs/audit/testing';
import { canonicalName } from '#libs/platform';

/** Events, and minutes between them. */
export type Step = AuditEvent | number;

let person = 0;
function someone() {
  person += 1;
  return { ...alice, subject: canonicalName(`person-${person}`) };
}
/** The actions that release a token. */
export const RELEASES = ['token.issue', 'token.reuse', 'token.exchange'] as const;
const released = (action: (typeof RELEASES)[number], event: AuditEvent): AuditEvent => ({
  ...event,
  action,
});
const times = (count: number, event: (nth: number) => Step): Step[] =>
  Array.from({ length: count }, (_, nth) => event(nth));
/** With minutes between the steps. */
const spread = (minutes: number, steps: readonly Step[]): Step[] =>
  steps.flatMap((step, nth) => (nth === 0 ? step : [minutes, step]));
const from = (address: string, event: AuditEvent): AuditEvent => ({
  ...event,
  request: { requestId: 'r', ...event.request, clientAddress: address },
});
const deniedFor = (permission: string, actor = alice): AuditEvent => ({
  ...denied(actor),
  details: { permission },
});
const refusedByQuota = (actor = alice): AuditEvent => ({
  ...{ action: 'token.issue', outcome: 'denied', actor },
  reason: { code: 'token-quota-exceeded' },
});
/** Both entries of an export. */
const exported = (
  actor = alice,
  action: 'audit.export' | 'identity.export' | 'teams-phone.export' = 'identity.export',
  address = '198.51.100.1',
  filter: object = {},
): AuditEvent[] =>
  [{ stage: 'begun' }, { stage: 'ended', exported: 5, isComplete: true }].map((details) =>
    from(address, { action, outcome: 'success', actor, details: { ...filter, ...details } }),
  );
const loaded = (details: object): AuditEvent => ({
  ...{
    action: 'policy.load',
    outcome: 'success',
    actor: { kind: 'system', name: 'issuance-policy' },
  },
  details: { version: 'b', ...details },
});
const traced = (more: object): AuditEvent => ({
  ...{ action: 'audit.trace', outcome: 'success', actor: alice, ...more },
});
const REMOVALS = [
  ...(['identity.delete', 'identity.suspend', 'audit.erase', 'teams-phone.unassign'] as const),
] as const;
const removed = (
  action: (typeof REMOVALS)[number],
  nth: number,
  actor: AuditEvent['actor'] = alice,
): AuditEvent =>
  from('198.51.100.1', {
    ...{ action, outcome: 'success', actor },
    target: { tenant: alice.tenant, subject: canonicalName(`leaver-${nth}`) },
  });
const backend = { ...alice, kind: 'service', subject: canonicalName('backend') } as const;
const tokenForOthers = (nth: number, address: string): AuditEvent =>
  from(address, { ...issued(nth, backend), details: { forOthers: true } });
const logRead = (route: string, actor = alice): AuditEvent =>
  from('198.51.100.1', { action: 'audit.read', outcome: 'success', actor, details: { route } });
const listed = (action: 'identity.read' | 'teams-phone.read', actor = alice): AuditEvent =>
  from('198.51.100.1', {
    action,
    outcome: 'success',
    actor,
    details: { route: 'list', found: 50 },
  });
/** The end of an export or of a stream. */
const given = (
  lines: number,
  action: AuditEvent['action'] = 'audit.export',
  actor = alice,
): AuditEvent =>
  from('198.51.100.1', {
    ...{ action, outcome: 'success', actor },
    details: { stage: 'ended', exported: lines, isComplete: true },
  });
const revocationStarted = (details: object): AuditEvent => ({
  ...{ action: 'revocation.start', outcome: 'success', actor: alice },
  details: { revocation: 'id', ...details },
});
const configured = (details: object): AuditEvent => ({
  ...{ action: 'configuration.load', outcome: 'success' },
  actor: { kind: 'system', name: 'configuration' },
  details: { settings: ['PORT=3000'], ...details },
});
const linked = (actor: AuditEvent['actor']): AuditEvent => ({
  ...{ action: 'identity.link', outcome: 'success', actor, target: { tenant: 't', subject: 's' } },
});
/** The credentials of one replica, reason and window. */
const rejected = (count: number, address: string, more: object = {}): AuditEvent =>
  from(address, {
    ...{ action: 'authentication.reject', outcome: 'denied', actor: { kind: 'unauthenticated' } },
    ...{ reason: { code: 'signature' }, details: { count, ...more } },
  });
const secretRead = (code: 'secret-access-refused' | 'secret-missing'): AuditEvent => ({
  ...{
    action: 'secret.read',
    outcome: code === 'secret-access-refused' ? 'denied' : 'failure',
    actor: { kind: 'system', name: 'secret-store' },
  },
  reason: { code },
});
const damaged = (action: 'x-audit.damaged' | 'audit.damage'): AuditEvent => ({
  ...{ action, outcome: 'failure', actor: { kind: 'system', name: 'audit-log' } },
});

export interface Story {
  /** The rule fires on each of them. */
  readonly fires: readonly (() => readonly Step[])[];
  /** It is nearly the same, and the rule stays silent. */
  readonly silent: () => readonly Step[];
  /** Time of the day; office hours by default. */
  readonly at?: { readonly fires: string; readonly silent: string };
}

/** One for each rule, by its name. */
export const STORIES: Readonly<Record<string, Story>> = {
  'issuance-outside-hours': {
    fires: RELEASES.map((action) => () => [released(action, issued(1))]),
    silent: () => [issued(1)],
    at: { fires: '22:00:00', silent: '21:59:59' },
  },
  'one-address-many-identities': {
    fires: [
      ...RELEASES.map((action) => () => {
        const token = (nth: number) => from('198.51.100.9', released(action, issued(nth)));
        return [...times(10, token), 8, ...times(10, (nth) => token(nth + 10))];
      }),
      // Each from another address of one IPv6 network.
      () => times(20, (nth) => from(`2001:db8:9::${nth + 1}`, issued(nth))),
    ],
    // Nineteen identities; twenty over a longer time; a backend that issues for others; an office; networks;
    // visitors of one company.
    silent: () => [
      ...times(60, (nth) => from('198.51.100.9', issued(nth % 19))),
      11,
      ...times(40, (nth) => (nth % 2 === 0 ? from('198.51.100.8', issued(nth)) : 1)),
      ...times(30, (nth) => from('198.51.100.7', { ...issued(nth), details: { forOthers: true } })),
      ...times(30, (nth) => from('203.0.113.7', issued(nth))),
      ...times(30, (nth) => from(`2001:db8:203:113::${nth + 1}`, issued(nth))),
      ...times(30, (nth) => from(`2001:db8:8:${nth}::1`, issued(nth))),
      ...times(30, (nth) =>
        from('192.0.2.44', {
          ...issued(nth),
          actor: { kind: 'visitor', tenant: alice.tenant, invitation: 'webinar' },
        }),
      ),
    ],
  },
  'quota-wall': {
    fires: [
      () =>
        spread(
          1,
          times(10, (nth) => from(`198.51.100.${nth}`, refusedByQuota())),
        ),
    ],
    silent: () => [
      ...times(9, () => refusedByQuota()),
      16,
      ...times(9, () => refusedByQuota()),
      ...times(30, () => refusedByQuota(someone())),
    ],
  },
  'refused-then-allowed': {
    fires: RELEASES.map((action) => () => {
      const mallory = someone();
      const refused = deniedFor('CommunicationToken.Issue', mallory);
      return [refused, 10, refused, 14, released(action, issued(1, mallory))];
    }),
    silent: () => {
      const [first, second, third, curious] = [someone(), someone(), someone(), someone()];
      return [
        // Of another route: this person has always had the permission to get tokens.
        deniedFor('CommunicationIdentity.Read.All', curious),
        issued(4, curious),
        deniedFor('CommunicationToken.Issue', first),
        issued(1, second),
        issued(2, third),
        1,
        deniedFor('CommunicationToken.Issue', third),
        16,
        issued(3, first),
      ];
    },
  },
  'policy-changed': {
    fires: [() => [loaded({ previous: 'a' })]],
    silent: () => [loaded({}), { ...loaded({ previous: 'a' }), outcome: 'failure' }],
  },
  'log-not-whole': {
    fires: [() => [damaged('x-audit.damaged')], () => [damaged('audit.damage')]],
    silent: () => [issued(1)],
  },
  'mass-export': {
    fires: [
      () => [
        ...exported(alice, 'audit.export', '198.51.100.1'),
        20,
        ...exported(alice, 'identity.export', '198.51.100.2'),
        20,
        ...exported(alice, 'teams-phone.export', '198.51.100.3'),
      ],
    ],
    silent: () => [
      ...exported(),
      ...exported(),
      // A person of another tenant with the same id.
      ...exported({ ...alice, tenant: canonicalName('another') }),
      ...Array.from({ length: 9 }, () => exported(someone())).flat(),
      // Of persons, as the console exports them: by them, and about them.
      ...['one', 'another'].flatMap((name) => {
        const subject = [canonicalName(name)];
        return [{ actorSubject: subject }, { targetSubject: subject }].flatMap((filter) =>
          exported(alice, 'audit.export', '198.51.100.1', filter),
        );
      }),
      61,
      ...exported(),
    ],
  },
  'trace-of-a-known-token': {
    fires: [() => [traced({ target: { communicationUserId: '8:acs:x' }, details: { found: 1 } })]],
    silent: () => [traced({ details: { found: 0 } })],
  },
  'rejected-credentials': {
    fires: [
      () => [rejected(100, '198.51.100.9')],
      // Of two replicas, again and again.
      () =>
        spread(
          2,
          times(7, () => rejected(15, '198.51.100.9')),
        ),
      // Of one IPv6 network, each time from another address.
      () => times(10, (nth) => rejected(10, `2001:db8:9::${nth + 1}`)),
    ],
    // One too few; as many over a longer time; of many addresses that share an entry; an office; networks.
    silent: () => [
      rejected(99, '198.51.100.8'),
      rejected(60, '198.51.100.7'),
      16,
      rejected(60, '198.51.100.7'),
      rejected(400, '198.51.100.6', { sources: 400 }),
      rejected(400, '203.0.113.7'),
      rejected(400, '2001:db8:203:113::7'),
      ...times(10, (nth) => rejected(10, `2001:db8:8:${nth}::1`)),
    ],
  },
  'mass-removal': {
    fires: [
      () => {
        return spread(
          1,
          times(50, (nth) => removed(REMOVALS[nth % 4] ?? 'audit.erase', nth)),
        );
      },
    ],
    // 49 people, of whom an entry each says that it was requested and confirmed; 50 over a longer time; an operator.
    silent: () => [
      ...times(98, (nth) => removed('identity.delete', Math.floor(nth / 2))),
      61,
      ...times(30, (nth) => removed('identity.suspend', nth)),
      61,
      ...times(30, (nth) => removed('identity.suspend', nth + 30)),
      ...times(50, (nth) => removed('audit.erase', nth, { kind: 'operator', name: 'root' })),
    ],
  },
  'application-unknown-address': {
    fires: RELEASES.map((action) => () => {
      const token = (nth: number) => tokenForOthers(nth, `198.51.100.${nth + 1}`);
      return spread(
        14,
        times(5, (nth) => released(action, token(nth))),
      );
    }),
    // Four identities; a known address; people who are in other places.
    silent: () => [
      ...times(40, (nth) => tokenForOthers(nth % 4, '198.51.100.9')),
      ...times(40, (nth) => tokenForOthers(nth, '10.20.0.9')),
      ...times(40, (nth) => tokenForOthers(nth, '2001:db8:10:20::9')),
      ...times(19, (nth) => from('198.51.100.8', issued(nth))),
    ],
  },
  'application-many-identities': {
    fires: [
      () => {
        const action = (nth: number) => RELEASES[nth % RELEASES.length] ?? 'token.issue';
        return times(100, (nth) => released(action(nth), tokenForOthers(nth, '10.20.0.9')));
      },
    ],
    silent: () => [
      ...times(120, (nth) => tokenForOthers(nth % 99, '10.20.0.9')),
      11,
      ...times(60, (nth) => tokenForOthers(nth, '10.20.0.9')),
      11,
      ...times(60, (nth) => tokenForOthers(nth + 60, '10.20.0.9')),
    ],
  },
  'log-read-by-pages': {
    fires: [
      () => times(100, () => logRead('entries')),
      () => times(100, (nth) => logRead(`tile/entries/${String(nth).padStart(3, '0')}`)),
    ],
    // Too few; as many over a longer time; single entries and counts; many auditors.
    silent: () => [
      ...times(99, () => logRead('entries')),
      ...times(120, (nth) => logRead(nth % 2 === 0 ? 'entry' : 'statistics')),
      61,
      ...times(99, () => logRead('entries')),
      ...times(9, () => logRead('entries', someone())),
    ],
  },
  'identities-read-by-pages': {
    fires: [
      () => times(100, (nth) => listed(nth % 2 === 0 ? 'identity.read' : 'teams-phone.read')),
    ],
    // Too few; as many over a longer time; single identities; many administrators.
    silent: () => [
      ...times(99, () => listed('identity.read')),
      ...times(120, () =>
        from('198.51.100.1', { ...listed('identity.read'), details: { found: 1 } }),
      ),
      61,
      ...times(99, () => listed('identity.read')),
      ...times(9, () => listed('identity.read', someone())),
    ],
  },
  'many-entries-read': {
    fires: [
      () => [given(10_000)],
      () => [given(4_000, 'audit.read'), 20, given(4_000), 20, given(2_000, 'identity.export')],
    ],
    silent: () => [
      given(9_999),
      given(9_999, 'audit.export', someone()),
      61,
      given(9_000, 'teams-phone.export'),
      61,
      given(9_000),
    ],
  },
  'mass-revocation': {
    fires: [() => [revocationStarted({ everyone: true })]],
    silent: () => [
      revocationStarted({ invitation: 'webinar' }),
      { ...revocationStarted({ everyone: true }), outcome: 'denied' },
    ],
  },
  'trust-changed': {
    fires: [() => [configured({ trustChanged: ['TRUSTED_ISSUERS'] })]],
    silent: () => [configured({}), configured({ sinks: ['siem: syslog'] })],
  },
  'entries-retired': {
    fires: [
      () => [
        {
          ...{ action: 'audit.retain', outcome: 'success' },
          actor: { kind: 'operator', name: 'root' },
          details: { firstIndex: 9, before: '2026-01-01T00:00:00.000Z', partitions: ['x'] },
        },
      ],
    ],
    silent: () => [issued(1), logRead('entries')],
  },
  'identity-linked': {
    fires: [() => [linked(alice)]],
    silent: () => [
      linked({ kind: 'operator', name: 'root' }),
      { ...linked(alice), outcome: 'denied' },
    ],
  },
  'secret-refused': {
    fires: [() => [secretRead('secret-access-refused')]],
    silent: () => [secretRead('secret-missing')],
  },
};
