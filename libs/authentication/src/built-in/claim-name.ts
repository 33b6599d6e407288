/** The platform uses the WS-Federation names of some claims. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'http://schemas.microsoft.com/identity/claims/tenantid': 'tid',
    'http://schemas.microsoft.com/identity/claims/objectidentifier': 'oid',
    'http://schemas.microsoft.com/identity/claims/scope': 'scp',
    'http://schemas.microsoft.com/identity/claims/identityprovider': 'idp',
    'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier': 'sub',
    'http://schemas.microsoft.com/ws/2008/06/identity/claims/role': 'roles',
    appid: 'azp',
  }),
);

/** The short name of a claim, by which long and short names are compared. */
export function claimName(type: string): string {
  return SHORT_NAMES.get(type) ?? type;
}
