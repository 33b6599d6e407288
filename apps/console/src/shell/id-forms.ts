/** A UUID of any version. Entries and identities have version 7. */
export const UUID = /^[\da-f]{8}-[\da-f]{4}-([\da-f])[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/i;

/** The raw id of a user or an application of ACS or Teams. */
export const USER_ID = /^(8|28):[a-z-]+:[\w-]+$/i;

export const TRACE_ID = /^[\da-f]{32}$/i;

export const FINGERPRINT = /^[\w-]{43}$/;

/** The id that Entra gives its tokens (`uti`): sixteen bytes in base64url. */
export const ENTRA_TOKEN_ID = /^[\w-]{21}[AQgw]$/;

/** What the service takes over as the id of a request. */
export const REQUEST_ID = /^[\w.-]{8,64}$/;

/** What proxies make ids of requests of: 32 hexadecimal digits of ingress-nginx, ULIDs, and those of AWS. */
const REQUEST_IDS_OF_PROXIES = [
  TRACE_ID,
  /^[0-7][\dA-HJKMNP-TV-Z]{25}$/i,
  /^1-[\da-f]{8}-[\da-f]{24}$/i,
] as const;

export function isRequestIdOfProxy(id: string): boolean {
  return REQUEST_IDS_OF_PROXIES.some((form) => form.test(id));
}
