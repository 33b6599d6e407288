/** The protection space that every challenge names (RFC 9110, section 11.5). */
const REALM = 'acs-identity';

/**
 * A `WWW-Authenticate` value as RFC 6750, section 3, has it.
 *
 * @param attributes in the order in which they are to stand; none without credentials
 */
export function bearerChallenge(attributes: Readonly<Record<string, string>> = {}): string {
  const rest = Object.entries(attributes).map(([name, value]) => `, ${name}="${quoted(value)}"`);
  return `Bearer realm="${REALM}"${rest.join('')}`;
}

/** RFC 6750 allows neither quotes, backslashes nor anything outside printable ASCII. */
function quoted(value: string): string {
  return value.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '');
}
