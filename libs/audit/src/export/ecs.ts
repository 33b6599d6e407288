import { isIP } from 'node:net';
import { addressKey } from '#libs/platform';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import {
  type AuditAction,
  type AuditOutcome,
  type BuiltInAuditAction,
  isBuiltInAuditAction,
} from '../trail/audit-event.js';

type EcsType = 'access' | 'change' | 'creation' | 'deletion' | 'info' | 'start';

/** How the Elastic Common Schema classifies an action (allowed values of event.category and event.type). */
interface EcsClass {
  readonly category: 'api' | 'authentication' | 'iam';
  readonly type: EcsType;
}

const api = (type: EcsType): EcsClass => ({ category: 'api', type });
const iam = (type: EcsType): EcsClass => ({ category: 'iam', type });

const CLASSES: Readonly<Record<BuiltInAuditAction, EcsClass>> = {
  'token.issue': api('creation'),
  'token.reuse': api('access'),
  'token.exchange': api('creation'),
  'token.revoke': api('deletion'),
  'revocation.start': api('deletion'),
  'revocation.end': api('deletion'),
  'identity.create': iam('creation'),
  'identity.link': iam('creation'),
  'identity.import': iam('creation'),
  'identity.outcome-unknown': iam('change'),
  'identity.read': iam('info'),
  'identity.export': iam('info'),
  'identity.update': iam('change'),
  'identity.delete': iam('deletion'),
  'identity.resume': iam('change'),
  'identity.suspend': iam('change'),
  'teams-phone.assign': iam('change'),
  'teams-phone.unassign': iam('deletion'),
  'teams-phone.read': iam('info'),
  'teams-phone.import': iam('change'),
  'teams-phone.export': iam('info'),
  'invitation.create': iam('creation'),
  'invitation.end': iam('deletion'),
  'authentication.reject': { category: 'authentication', type: 'start' },
  'authorization.deny': api('access'),
  'request.limit': api('access'),
  'policy.load': api('access'),
  'configuration.load': api('access'),
  'secret.read': api('access'),
  'secret.rotate': api('change'),
  'audit.read': api('access'),
  'audit.export': api('access'),
  'audit.trace': api('access'),
  'audit.erase': api('deletion'),
  'audit.retain': api('deletion'),
  'audit.damage': api('change'),
};

const OUTCOMES = {
  success: 'success',
  denied: 'failure',
  failure: 'failure',
  unknown: 'unknown',
} as const satisfies Record<AuditOutcome, string>;

/** The second `event.type` of an action of the category `api`; other categories don't allow these. */
const DECISIONS = {
  success: ['allowed'],
  denied: ['denied'],
  failure: [],
  unknown: [],
} as const satisfies Record<AuditOutcome, readonly string[]>;

/** One event of the Elastic Common Schema as JSON. */
export function ecsLine({ index, entry, personal }: AuditEntryRecord): string {
  const { actor, target, token } = entry;
  const { clientAddress: address } = personal;
  const { category, type } = classOf(entry.action);
  return JSON.stringify({
    '@timestamp': entry.recordedAt,
    ecs: { version: '9.1.0' },
    event: {
      kind: 'event',
      category: [category],
      type: category === 'api' ? [type, ...DECISIONS[entry.outcome]] : [type],
      action: entry.action,
      outcome: OUTCOMES[entry.outcome],
      id: entry.id,
      sequence: index,
      dataset: 'acs-identity.audit',
      reason: entry.reason?.detail ?? entry.reason?.code,
      code: entry.reason?.code,
    },
    user: {
      id: actor.subject ?? actor.name,
      full_name: personal.actorDisplayName,
      domain: actor.tenant,
      roles: actor.permissions,
      target: target && {
        id: target.subject,
        domain: target.tenant,
        full_name: personal.targetDisplayName,
      },
    },
    source:
      address === undefined ? undefined : { address, ...(isIP(address) > 0 && { ip: address }) },
    user_agent: personal.userAgent === undefined ? undefined : { original: personal.userAgent },
    http: entry.request && { request: { id: entry.request.id } },
    trace: entry.request?.traceId === undefined ? undefined : { id: entry.request.traceId },
    acs_identity: {
      actor_kind: actor.kind,
      client_app: actor.clientApp,
      client_network: address === undefined ? undefined : addressKey(address),
      issuer: actor.issuer,
      caller_token_id: actor.tokenId,
      target,
      token,
      policy: entry.policy,
      upstream: entry.upstream,
      details: entry.details,
    },
  });
}

function classOf(action: AuditAction): EcsClass {
  return isBuiltInAuditAction(action) ? CLASSES[action] : api('info');
}
