/** What a caller can be allowed to do, named as Microsoft Graph names permissions. */
export const PERMISSIONS = [
  'CommunicationToken.Issue',
  'CommunicationToken.Issue.All',
  'CommunicationToken.Revoke.All',
  'CommunicationIdentity.Read.All',
  'CommunicationIdentity.ReadWrite.All',
  'AuditLog.Read.All',
  'AuditLog.Erase.All',
] as const;

/** A delegated scope or an app role that the service checks. */
export type Permission = (typeof PERMISSIONS)[number];

const KNOWN: ReadonlySet<string> = new Set(PERMISSIONS);

/** Names that the service doesn't know grant nothing. */
export function isPermission(name: string): name is Permission {
  return KNOWN.has(name);
}
