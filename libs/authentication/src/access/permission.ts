/** The permissions of callers, named as in Microsoft Graph. */
export const PERMISSIONS = [
  'CommunicationToken.Issue',
  'CommunicationToken.Issue.All',
  'CommunicationToken.Revoke.All',
  'CommunicationIdentity.Read.All',
  'CommunicationIdentity.ReadWrite.All',
  'AuditLog.Read.All',
  'AuditLog.Erase.All',
] as const;

/** A delegated scope or an app role. */
export type Permission = (typeof PERMISSIONS)[number];

const KNOWN: ReadonlySet<string> = new Set(PERMISSIONS);

/** Whether the service knows the name. Unknown names in tokens grant nothing. */
export function isPermission(name: string): name is Permission {
  return KNOWN.has(name);
}
