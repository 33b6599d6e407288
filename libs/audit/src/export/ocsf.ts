import { isIP } from 'node:net';
import type { AuditAction } from '../trail/audit-event.js';
import type { AuditEntryRecord } from '../entry/audit-entry.js';

const PRODUCT = 'communication identity service';

/** How an action is called in OCSF 1.8.0. */
interface OcsfClass {
  readonly class: 3002 | 3004 | 6003;
  readonly activity: number;
  /** Name of the call, for API Activity. */
  readonly operation: string;
}

const api = (activity: number, operation: string): OcsfClass => ({
  class: 6003,
  activity,
  operation,
});
const entity = (activity: number): OcsfClass => ({ class: 3004, activity, operation: '' });

const CLASSES: Readonly<Record<AuditAction, OcsfClass>> = {
  'token.issue': api(1, 'IssueAccessToken'),
  'token.reuse': api(1, 'ReuseAccessToken'),
  'token.exchange': api(1, 'ExchangeTeamsToken'),
  'token.revoke': api(4, 'RevokeAccessTokens'),
  'identity.create': entity(1),
  'identity.link': entity(1),
  'identity.import': entity(1),
  'identity.outcome-unknown': entity(1),
  'identity.read': entity(2),
  'identity.export': entity(2),
  'identity.update': entity(3),
  'identity.delete': entity(4),
  'identity.resume': entity(8),
  'identity.suspend': entity(9),
  'authentication.reject': { class: 3002, activity: 1, operation: '' },
  'authorization.deny': api(99, 'AuthorizeRequest'),
  'request.limit': api(99, 'LimitRequests'),
  'policy.load': api(2, 'LoadPolicy'),
  'configuration.load': api(2, 'LoadConfiguration'),
  'secret.read': api(2, 'ReadSecret'),
  'secret.rotate': api(3, 'RotateSecret'),
  'audit.read': api(2, 'ReadAuditLog'),
  'audit.export': api(2, 'ExportAuditLog'),
  'audit.trace': api(2, 'TraceToken'),
  'audit.erase': api(4, 'ErasePersonalData'),
  'audit.retain': api(4, 'RetireAuditEntries'),
};

const CATEGORIES = { 3002: 3, 3004: 3, 6003: 6 } as const;
const USER_TYPES: Readonly<Record<string, number>> = {
  user: 1,
  operator: 2,
  system: 3,
  service: 4,
};
const STATUSES = { success: 1, denied: 2, failure: 2, unknown: 0 } as const;

/** One event of the Open Cybersecurity Schema Framework as JSON. */
export function ocsfLine(recorded: AuditEntryRecord): string {
  const { entry } = recorded;
  const { class: classUid, activity } = CLASSES[entry.action];
  return JSON.stringify({
    class_uid: classUid,
    category_uid: CATEGORIES[classUid],
    activity_id: activity,
    ...(activity === 99 && { activity_name: entry.action }),
    type_uid: classUid * 100 + activity,
    severity_id: entry.outcome === 'success' ? 1 : 3,
    status_id: STATUSES[entry.outcome],
    status_code: entry.reason?.code,
    status_detail: entry.reason?.detail,
    time: Date.parse(entry.recordedAt),
    metadata: {
      version: '1.8.0',
      product: { name: PRODUCT, vendor_name: 'acs-identity' },
      uid: entry.id,
      sequence: recorded.index,
      correlation_uid: entry.request?.id,
    },
    ...classAttributes(recorded),
    src_endpoint: endpoint(recorded.personal.clientAddress),
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
  const { class: classUid, operation } = CLASSES[entry.action];
  switch (classUid) {
    case 3002:
      return {
        user: user(recorded),
        service: { name: PRODUCT },
        auth_protocol_id: 6,
        is_remote: true,
      };
    case 3004:
      return { actor: actor(recorded), entity: target(recorded) };
    case 6003:
      return {
        actor: actor(recorded),
        api: {
          operation,
          request: entry.request && { uid: entry.request.id },
          response: entry.reason && { error: entry.reason.code },
        },
        resources: entry.target && [target(recorded)],
      };
  }
}

function actor(recorded: AuditEntryRecord): object {
  const { actor: who } = recorded.entry;
  return { user: user(recorded), app_uid: who.clientApp };
}

function user({ entry: { actor: who }, personal }: AuditEntryRecord): object {
  return {
    uid: who.subject ?? who.name ?? who.kind,
    name: personal.actorDisplayName ?? who.name ?? who.kind,
    type_id: USER_TYPES[who.kind] ?? 99,
    type: who.kind,
    ...(who.tenant !== undefined && { org: { uid: who.tenant } }),
  };
}

function target({ entry: { target: what }, personal }: AuditEntryRecord): object {
  return {
    uid: what?.communicationUserId ?? what?.identityId ?? what?.subject ?? 'unknown',
    name: personal.targetDisplayName ?? what?.subject ?? what?.identityId ?? 'unknown',
    type: 'communication identity',
    data: what,
  };
}

function endpoint(address: string | undefined): object {
  if (address === undefined) return { name: 'unknown' };
  return isIP(address) === 0 ? { name: address } : { ip: address };
}
