import { isIPv4, isIPv6 } from 'node:net';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import { isDamage } from '../entry/damaged-entry.js';

/** Of 0 to 10: low, medium, or very high, as the rule on a log that is not whole. */
function severityOf({ action, outcome }: AuditEntryRecord['entry']): string {
  if (isDamage(action)) return '10';
  return outcome === 'success' ? '3' : '6';
}

/** One event in ArcSight's Common Event Format, version 0, without a syslog header. */
export function cefLine(recorded: AuditEntryRecord): string {
  const { entry } = recorded;
  const header = [
    'CEF:0',
    'acs-identity',
    'communication identity service',
    String(entry.version),
    entry.action,
    entry.action.replace('.', ' '),
    severityOf(entry),
  ].map((field) => field.replaceAll(/[\\|]/g, '\\$&'));
  const extension = Object.entries(extensionOf(recorded))
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value]) => `${key}=${escaped(truncateTo(String(value), maxLengthOf(key)))}`);
  return `${header.join('|')}|${extension.join(' ')}`;
}

function extensionOf({
  index,
  entry,
  personal,
}: AuditEntryRecord): Record<string, string | number | undefined> {
  const { actor, target, token, details, clientAddress } = { ...entry, ...personal };
  const address = clientAddress ?? '';
  return {
    rt: Date.parse(entry.recordedAt),
    externalId: entry.id,
    cn1Label: 'index',
    cn1: index,
    act: entry.action,
    outcome: entry.outcome,
    // An entry may stand for many events, such as rejected credentials.
    ...(typeof details?.count === 'number' && { cnt: details.count }),
    reason: entry.reason?.code,
    msg: entry.reason?.detail,
    suid: actor.subject ?? actor.name,
    suser: personal.actorDisplayName,
    sntdom: actor.tenant,
    spriv: actor.permissions?.join(' '),
    ...(isIPv4(address) && { src: address }),
    ...(isIPv6(address) && { c6a2Label: 'source address', c6a2: address }),
    requestClientApplication: personal.userAgent,
    duid: target?.communicationUserId ?? target?.identityId ?? target?.subject,
    duser: personal.targetDisplayName,
    dntdom: target?.tenant,
    ...labelled('cs1', 'clientApp', actor.clientApp),
    ...labelled('cs2', 'tokenFingerprint', token?.fingerprint),
    ...labelled('cs3', 'requestId', entry.request?.id),
    ...labelled('cs4', 'policyRule', entry.policy?.rule),
    ...labelled('cs5', 'tokenScopes', token?.scopes.join(' ')),
    ...labelled('cs6', 'traceId', entry.request?.traceId),
    ...labelled('flexString1', 'targetSubject', target?.subject),
    ...labelled('flexString2', 'details', details && detailsText(details)),
  };
}

/** As JSON. Of details that are too long for a text of CEF, the shortest come first, so that they are not cut. */
function detailsText(details: NonNullable<AuditEntryRecord['entry']['details']>): string {
  const text = JSON.stringify(details);
  if (text.length <= maxLengthOf('flexString2')) return text;
  const members = Object.entries(details).map(
    ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
  );
  return `{${members.toSorted((a, b) => a.length - b.length).join(',')}}`;
}

function labelled(
  key: string,
  label: string,
  value: string | undefined,
): Record<string, string | undefined> {
  return value === undefined ? {} : { [`${key}Label`]: label, [key]: value };
}

/** The maximum length of a text in CEF's dictionary; the other formats have no limit. */
function maxLengthOf(key: string): number {
  if (key.endsWith('ntdom')) return 255;
  return /^cs\d$/.test(key) ? 4000 : 1023;
}

function truncateTo(value: string, limit: number): string {
  if (value.length <= limit) return value;
  // A surrogate pair is not split.
  return `${value.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

function escaped(value: string): string {
  return value.replaceAll(/[\\=]/g, '\\$&').replaceAll('\r', '\\r').replaceAll('\n', '\\n');
}
