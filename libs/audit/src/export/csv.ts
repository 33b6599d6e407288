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

/**
 * What may precede a formula: apostrophes, and everything that a spreadsheet trims or that can't be seen,
 * such as blanks, controls, zero-width marks and fillers.
 */
const IGNORED_START = /^['\p{White_Space}\p{C}\p{M}\p{Default_Ignorable_Code_Point}\u2800]+/u;

/** In any width or form of the signs: normalisation maps the full-width, small, raised and lowered ones. */
const FORMULA_START = /^[=+\-@|%\p{Pd}\u2212]/u;

const LINE_START = /^'*[\t\n\v\f\r\u0085\u2028\u2029]/;

/** Whether a spreadsheet may run the text as a formula. */
export function isFormula(text: string): boolean {
  const [first = ''] = text.replace(IGNORED_START, '');
  return LINE_START.test(text) || FORMULA_START.test(first.normalize('NFKC'));
}

function cell(value: Cell): string {
  const text = value === undefined ? '' : String(value);
  const escaped = typeof value === 'string' && isFormula(text) ? `'${text}` : text;
  return `"${escaped.replaceAll('"', '""')}"`;
}
