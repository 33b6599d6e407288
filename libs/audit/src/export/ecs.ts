import { isIP } from 'node:net';
import type { AuditAction, AuditOutcome } from '../trail/audit-event.js';
import type { AuditEntryRecord } from '../entry/audit-entry.js';

const OUTCOMES = {
  success: 'success',
  denied: 'failure',
  failure: 'failure',
  unknown: 'unknown',
} as const satisfies Record<AuditOutcome, string>;

const creations = /^(token\.(issue|exchange)|identity\.(create|link|import))$/;
const deletions = /^(token\.revoke|identity\.delete|audit\.(erase|retain))$/;
const changes = /^(identity\.(update|suspend|resume|outcome-unknown)|secret\.rotate)$/;

/** One event of the Elastic Common Schema as JSON. */
export function ecsLine({ index, entry, personal }: AuditEntryRecord): string {
  const { actor, target, token } = entry;
  const { clientAddress: address } = personal;
  return JSON.stringify({
    '@timestamp': entry.recordedAt,
    ecs: { version: '9.1.0' },
    event: {
      kind: 'event',
      category: [category(entry.action)],
      type: types(entry.action, entry.outcome),
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

function category(action: AuditAction): 'authentication' | 'iam' | 'api' {
  if (action === 'authentication.reject') return 'authentication';
  return action.startsWith('identity.') ? 'iam' : 'api';
}

/** ECS says which types are expected with a category: only `api` knows of verdicts and access. */
function types(action: AuditAction, outcome: AuditOutcome): string[] {
  const isApi = category(action) === 'api';
  const verdicts = isApi ? verdictOf(outcome) : [];
  if (action === 'authentication.reject') return ['start'];
  if (creations.test(action)) return ['creation', ...verdicts];
  if (deletions.test(action)) return ['deletion', ...verdicts];
  if (changes.test(action)) return ['change', ...verdicts];
  return [isApi ? 'access' : 'info', ...verdicts];
}

function verdictOf(outcome: AuditOutcome): string[] {
  if (outcome === 'denied') return ['denied'];
  return outcome === 'success' ? ['allowed'] : [];
}
