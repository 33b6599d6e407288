/** `GET /v1/me`: who is signed in, and what they may do. */
export interface Me {
  readonly displayName?: string;
  readonly tenant?: string;
  readonly subject?: string;
  readonly isHomeTenant?: boolean;
  readonly permissions: readonly string[];
  /** Which entries of the log they may read. */
  readonly audit: 'all' | 'tenant' | 'none';
}

export function may(me: Me, permission: string): boolean {
  return me.permissions.includes(permission);
}
