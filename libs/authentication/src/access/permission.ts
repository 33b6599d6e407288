/** The permissions of callers, named as in Microsoft Graph. */
export const PERMISSIONS = [
  'CommunicationToken.Issue',
  'CommunicationToken.Issue.All',
  'CommunicationToken.Revoke.All',
  'CommunicationIdentity.Read.All',
  'CommunicationIdentity.ReadWrite.All',
  'TeamsPhoneAssignment.Read.All',
  'TeamsPhoneAssignment.ReadWrite.All',
  'Invitation.ReadWrite.All',
  'AuditLog.Read.All',
  'AuditLog.Erase.All',
] as const;

/** A permission of a host's own, made by `definePermission`. */
export type CustomPermission = string & { readonly [CUSTOM]: true };

/** A delegated scope or an app role. */
export type Permission = (typeof PERMISSIONS)[number] | CustomPermission;

declare const CUSTOM: unique symbol;

const NAME = /^[A-Z][A-Za-z0-9]*(\.[A-Z][A-Za-z0-9]*){1,3}$/;
const known = new Set<string>(PERMISSIONS);

/**
 * Defines a permission for routes of a host's own. Called once, beside the routes that require it.
 *
 * @param name such as `Report.Read.All`
 * @throws Error when the name has another form or is one of this service
 */
export function definePermission(name: string): CustomPermission {
  const isOurs = PERMISSIONS.some((permission) => permission === name);
  if (isOurs || !NAME.test(name)) {
    throw new Error(`${JSON.stringify(name)} can't be defined: a permission is Resource.Operation`);
  }
  known.add(name);
  return name as CustomPermission;
}

/** Whether the name is defined. Undefined names in tokens grant nothing. */
export function isPermission(name: string): name is Permission {
  return known.has(name);
}
