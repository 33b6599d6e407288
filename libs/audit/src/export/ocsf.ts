import { isIP } from 'node:net';
import type { AuditEntryRecord, EntryActor } from '../entry/audit-entry.js';
import { isDamage } from '../entry/damaged-entry.js';
import {
  type AuditAction,
  type AuditOutcome,
  type BuiltInAuditAction,
  isBuiltInAuditAction,
} from '../trail/audit-event.js';

const PRODUCT = 'communication identity service';
/** Of the type `ip_t` in OCSF 1.8.0. */
const MAX_IP_LENGTH = 40;

const AUTHENTICATION = 3002;
const ENTITY_MANAGEMENT = 3004;
const API_ACTIVITY = 6003;
/** `activity_id` of an activity that OCSF has no number for. */
const OTHER = 99;

/** How OCSF 1.8.0 classifies an action. */
interface OcsfClass {
  readonly class: typeof AUTHENTICATION | typeof ENTITY_MANAGEMENT | typeof API_ACTIVITY;
  readonly activity: number;
  /** Name of the call; for API Activity only. */
  readonly operation: string;
}

const api = (activity: number, operation: string): OcsfClass => ({
  class: API_ACTIVITY,
  activity,
  operation,
});
const entity = (activity: number): OcsfClass => ({
  class: ENTITY_MANAGEMENT,
  activity,
  operation: '',
});

const CLASSES: Readonly<Record<BuiltInAuditAction, OcsfClass>> = {
  'token.issue': api(1, 'IssueAccessToken'),
  'token.reuse': api(1, 'ReuseAccessToken'),
  'token.exchange': api(1, 'ExchangeTeamsToken'),
  'token.revoke': api(4, 'RevokeAccessTokens'),
  'revocation.start': api(4, 'StartMassRevocation'),
  'revocation.end': api(4, 'EndMassRevocation'),
  'identity.create': entity(1),
  'identity.link': entity(1),
  'identity.import': entity(1),
  'identity.outcome-unknown': entity(1),
  'identity.read': entity(2),
  'identity.export': entity(2),
  'identity.update': entity(3),
  'identity.delete': entity(4),
  'identity.resume': entity(13),
  'identity.suspend': entity(12),
  'teams-phone.assign': entity(1),
  'teams-phone.unassign': entity(4),
  'teams-phone.read': entity(2),
  'teams-phone.import': entity(1),
  'teams-phone.export': entity(2),
  'invitation.create': api(1, 'CreateInvitation'),
  'invitation.end': api(4, 'EndInvitation'),
  'authentication.reject': { class: AUTHENTICATION, activity: 1, operation: '' },
  'authorization.deny': api(OTHER, 'AuthorizeRequest'),
  'request.limit': api(OTHER, 'LimitRequests'),
  'policy.load': api(2, 'LoadPolicy'),
  'configuration.load': api(2, 'LoadConfiguration'),
  'secret.read': api(2, 'ReadSecret'),
  'secret.rotate': api(3, 'RotateSecret'),
  'audit.read': api(2, 'ReadAuditLog'),
  'audit.export': api(2, 'ExportAuditLog'),
  'audit.trace': api(2, 'TraceToken'),
  'audit.erase': api(4, 'ErasePersonalData'),
  'audit.retain': api(4, 'RetireAuditEntries'),
  'audit.damage': api(OTHER, 'FindAuditDamage'),
};

const CATEGORIES = { [AUTHENTICATION]: 3, [ENTITY_MANAGEMENT]: 3, [API_ACTIVITY]: 6 } as const;
const USER_TYPES: Readonly<Record<EntryActor['kind'], number>> = {
  user: 1,
  operator: 2,
  system: 3,
  service: 4,
  bot: OTHER,
  visitor: OTHER,
  unauthenticated: OTHER,
};
const STATUSES: Readonly<Record<AuditOutcome, number>> = {
  success: 1,
  denied: 2,
  failure: 2,
  unknown: 0,
};

/** Informational, medium, or critical, as the rule on a log that is not whole. */
function severityOf({ action, outcome }: AuditEntryRecord['entry']): number {
  if (isDamage(action)) return 5;
  return outcome === 'success' ? 1 : 3;
}

/** One event of the Open Cybersecurity Schema Framework as JSON. */
export function ocsfLine(recorded: AuditEntryRecord): string {
  const { entry } = recorded;
  const { class: classUid, activity } = classOf(entry.action);
  return JSON.stringify({
    class_uid: classUid,
    category_uid: CATEGORIES[classUid],
    activity_id: activity,
    ...(activity === OTHER && { activity_name: entry.action }),
    type_uid: classUid * 100 + activity,
    severity_id: severityOf(entry),
    status_id: STATUSES[entry.outcome],
    status_code: entry.reason?.code,
    status_detail: entry.reason?.detail,
    time: Date.parse(entry.recordedAt),
    ...(typeof entry.details?.count === 'number' && { count: entry.details.count }),
    metadata: {
      version: '1.8.0',
      product: { name: PRODUCT, vendor_name: 'acs-identity' },
      uid: entry.id,
      sequence: recorded.index,
      correlation_uid: entry.request?.id,
    },
    ...classAttributes(recorded),
    src_endpoint: toEndpoint(recorded.personal.clientAddress),
    http_request: entry.request && {
      uid: entry.request.id,
      user_agent: recorded.personal.userAgent,
    },
    unmapped: {
      action: entry.action,
      details: entry.details,
      policy: entry.policy,
      token: entry.token,
      upstream: entry.upstream,
      trace_uid: entry.request?.traceId,
    },
  });
}

function classAttributes(recorded: AuditEntryRecord): object {
  const { entry } = recorded;
  const { class: classUid, operation } = classOf(entry.action);
  switch (classUid) {
    case AUTHENTICATION:
      return {
        user: toUser(recorded),
        service: { name: PRODUCT },
        auth_protocol_id: 6,
        is_remote: true,
      };
    case ENTITY_MANAGEMENT:
      return { actor: toActor(recorded), entity: toEntity(recorded) };
    case API_ACTIVITY:
      return {
        actor: toActor(recorded),
        api: {
          operation,
          request: entry.request && { uid: entry.request.id },
          response: entry.reason && { error: entry.reason.code },
        },
        resources: entry.target && [toEntity(recorded)],
      };
  }
}

function toActor(recorded: AuditEntryRecord): object {
  return { user: toUser(recorded), app_uid: recorded.entry.actor.clientApp };
}

function toUser({ entry: { actor }, personal }: AuditEntryRecord): object {
  return {
    uid: actor.subject ?? actor.name ?? actor.kind,
    name: personal.actorDisplayName ?? actor.name ?? actor.kind,
    type_id: USER_TYPES[actor.kind],
    type: actor.kind,
    ...(actor.tenant !== undefined && { org: { uid: actor.tenant } }),
  };
}

function toEntity({ entry: { target }, personal }: AuditEntryRecord): object {
  return {
    uid: target?.communicationUserId ?? target?.identityId ?? target?.subject ?? 'unknown',
    name: personal.targetDisplayName ?? target?.subject ?? target?.identityId ?? 'unknown',
    type: 'communication identity',
    data: target,
  };
}

function toEndpoint(address: string | undefined): object {
  if (address === undefined) return { name: 'unknown' };
  if (isIP(address) === 0) return { name: address };
  // The longest spelling of IPv6, with IPv4 inside, has more characters than the type of OCSF takes.
  return { ip: address.length > MAX_IP_LENGTH ? shortestIpv6(address) : address };
}

function classOf(action: AuditAction): OcsfClass {
  return isBuiltInAuditAction(action) ? CLASSES[action] : api(OTHER, action);
}

function shortestIpv6(address: string): string {
  const [withoutZone = ''] = address.split('%');
  return URL.parse(`http://[${withoutZone}]`)?.hostname.slice(1, -1) ?? address;
}
