import type { AuditEntryRecord } from '../entry/audit-entry.js';

type Cell = string | number | boolean | undefined;

const COLUMNS: Readonly<Record<string, (recorded: AuditEntryRecord) => Cell>> = {
  index: ({ index }) => index,
  id: ({ entry }) => entry.id,
  recordedAt: ({ entry }) => entry.recordedAt,
  action: ({ entry }) => entry.action,
  outcome: ({ entry }) => entry.outcome,
  reasonCode: ({ entry }) => entry.reason?.code,
  reasonDetail: ({ entry }) => entry.reason?.detail,
  actorKind: ({ entry }) => entry.actor.kind,
  actorIssuer: ({ entry }) => entry.actor.issuer,
  actorTenant: ({ entry }) => entry.actor.tenant,
  actorSubject: ({ entry }) => entry.actor.subject,
  actorName: ({ entry }) => entry.actor.name,
  actorDisplayName: ({ personal }) => personal.actorDisplayName,
  isGuest: ({ entry }) => entry.actor.isGuest,
  clientApp: ({ entry }) => entry.actor.clientApp,
  permissions: ({ entry }) => entry.actor.permissions?.join(' '),
  callerTokenId: ({ entry }) => entry.actor.tokenId,
  targetKind: ({ entry }) => entry.target?.kind,
  targetTenant: ({ entry }) => entry.target?.tenant,
  targetSubject: ({ entry }) => entry.target?.subject,
  targetDisplayName: ({ personal }) => personal.targetDisplayName,
  identityId: ({ entry }) => entry.target?.identityId,
  communicationUserId: ({ entry }) => entry.target?.communicationUserId,
  resource: ({ entry }) => entry.target?.resource,
  tokenFingerprint: ({ entry }) => entry.token?.fingerprint,
  tokenFingerprintKey: ({ entry }) => entry.token?.fingerprintKey,
  tokenScopes: ({ entry }) => entry.token?.scopes.join(' '),
  tokenExpiresOn: ({ entry }) => entry.token?.expiresOn,
  policyRule: ({ entry }) => entry.policy?.rule,
  policyVersion: ({ entry }) => entry.policy?.version,
  secretVersion: ({ entry }) => entry.upstream?.secretVersion,
  correlationVector: ({ entry }) => entry.upstream?.correlationVector,
  requestId: ({ entry }) => entry.request?.id,
  traceId: ({ entry }) => entry.request?.traceId,
  clientAddress: ({ personal }) => personal.clientAddress,
  userAgent: ({ personal }) => personal.userAgent,
  details: ({ entry }) => entry.details && JSON.stringify(entry.details),
};

/** The header line (RFC 4180). */
export const CSV_HEADER = Object.keys(COLUMNS).join(',');

/**
 * One entry as a line of CSV (RFC 4180). Every cell is quoted. A cell that a spreadsheet would run as a
 * formula gets a leading apostrophe, and so does one that has such apostrophes already: removing one
 * always gives the recorded text.
 */
export function csvLine(recorded: AuditEntryRecord): string {
  return Object.values(COLUMNS)
    .map((value) => cell(value(recorded)))
    .join(',');
}

function cell(value: Cell): string {
  const text = value === undefined ? '' : String(value);
  const escaped = typeof value === 'string' && /^'*[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${escaped.replaceAll('"', '""')}"`;
}
