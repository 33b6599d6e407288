/** The protection space (RFC 9110, section 11.5). */
const REALM = 'acs-identity';

/**
 * The value of a `WWW-Authenticate` header (RFC 6750, section 3).
 *
 * @param attributes in their order in the header; none when the request has no credentials
 */
export function bearerChallenge(attributes: Readonly<Record<string, string>> = {}): string {
  const rest = Object.entries(attributes).map(
    ([name, value]) => `, ${name}="${allowedCharacters(value)}"`,
  );
  return `Bearer realm="${REALM}"${rest.join('')}`;
}

/** RFC 6750 allows printable ASCII without quotes and backslashes. */
function allowedCharacters(value: string): string {
  return value.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '');
}
