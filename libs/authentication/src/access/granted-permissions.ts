import { isPermission, type Permission } from './permission.js';

/** What a token says about the permissions of a client and of the person that it acts for. */
export interface DelegatedNames {
  /** What the client may do for people: delegated scopes. */
  readonly client: readonly string[];
  /** What the person may do: app roles. */
  readonly person: readonly string[];
}

/**
 * The permissions of a client that acts for a signed-in person. The client needs each of them; the
 * person needs those that concern others as well. What neither list holds is denied.
 */
export function delegatedPermissions({ client, person }: DelegatedNames): readonly Permission[] {
  return ownPermissions(client).filter(
    (permission) => !concernsOthers(permission) || person.includes(permission),
  );
}

/** The permissions of a client that acts for itself. */
export function ownPermissions(names: readonly string[]): readonly Permission[] {
  return [...new Set(names)].filter(isPermission);
}

/** Whether the permission gives access to more than the caller's own: `.All`, as in Microsoft Graph. */
export function concernsOthers(permission: Permission): boolean {
  return permission.endsWith('.All');
}
