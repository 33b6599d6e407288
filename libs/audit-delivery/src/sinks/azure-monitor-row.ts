import type { AuditEntryRecord } from '#libs/audit';
import { addressKey } from '#libs/platform';

/** The columns of the table `AcsIdentityAudit_CL`, with the types of Azure Monitor. */
export const AZURE_MONITOR_COLUMNS = {
  TimeGenerated: 'datetime',
  /** The same: Azure Monitor replaces `TimeGenerated` by that of the arrival when it is older than two days. */
  RecordedAt: 'datetime',
  EntryId: 'string',
  EntryIndex: 'long',
  Log: 'string',
  Action: 'string',
  Outcome: 'string',
  ReasonCode: 'string',
  ReasonDetail: 'string',
  ActorKind: 'string',
  ActorIssuer: 'string',
  ActorTenant: 'string',
  ActorSubject: 'string',
  ActorDisplayName: 'string',
  ActorIsGuest: 'boolean',
  ActorTokenId: 'string',
  ClientApp: 'string',
  Permissions: 'string',
  TargetKind: 'string',
  TargetTenant: 'string',
  TargetSubject: 'string',
  TargetDisplayName: 'string',
  IdentityId: 'string',
  CommunicationUserId: 'string',
  AcsResource: 'string',
  TokenFingerprint: 'string',
  TokenScopes: 'string',
  TokenExpiresOn: 'datetime',
  PolicyRule: 'string',
  PolicyVersion: 'string',
  RequestId: 'string',
  TraceId: 'string',
  ClientAddress: 'string',
  ClientNetwork: 'string',
  UserAgent: 'string',
  Details: 'dynamic',
} as const;

type ColumnType = (typeof AZURE_MONITOR_COLUMNS)[keyof typeof AZURE_MONITOR_COLUMNS];
type ValueOf<T extends ColumnType> = T extends 'boolean'
  ? boolean
  : T extends 'long'
    ? number
    : T extends 'dynamic'
      ? object
      : string;

export type AzureMonitorRow = {
  readonly [C in keyof typeof AZURE_MONITOR_COLUMNS]:
    | ValueOf<(typeof AZURE_MONITOR_COLUMNS)[C]>
    | undefined;
};

/** An entry as a row. @param log name of the log */
export function azureMonitorRow(
  { index, entry, personal }: AuditEntryRecord,
  log: string,
): AzureMonitorRow {
  const { actor, target, token, policy, reason, request } = entry;
  return {
    TimeGenerated: entry.recordedAt,
    RecordedAt: entry.recordedAt,
    EntryId: entry.id,
    EntryIndex: index,
    Log: log,
    Action: entry.action,
    Outcome: entry.outcome,
    ReasonCode: reason?.code,
    ReasonDetail: reason?.detail,
    ActorKind: actor.kind,
    ActorIssuer: actor.issuer,
    ActorTenant: actor.tenant,
    ActorSubject: actor.subject ?? actor.name,
    ActorDisplayName: personal.actorDisplayName,
    ActorIsGuest: actor.isGuest,
    ActorTokenId: actor.tokenId,
    ClientApp: actor.clientApp,
    Permissions: actor.permissions?.join(' '),
    TargetKind: target?.kind,
    TargetTenant: target?.tenant,
    TargetSubject: target?.subject,
    TargetDisplayName: personal.targetDisplayName,
    IdentityId: target?.identityId,
    CommunicationUserId: target?.communicationUserId,
    AcsResource: target?.resource,
    TokenFingerprint: token?.fingerprint,
    TokenScopes: token?.scopes.join(' '),
    TokenExpiresOn: token?.expiresOn,
    PolicyRule: policy?.rule,
    PolicyVersion: policy?.version,
    RequestId: request?.id,
    TraceId: request?.traceId,
    ClientAddress: personal.clientAddress,
    ClientNetwork:
      personal.clientAddress === undefined ? undefined : addressKey(personal.clientAddress),
    UserAgent: personal.userAgent,
    Details: entry.details,
  };
}
