import type { CommunicationResource } from '../resources/communication-resources.js';
import { UpstreamCredentialMalformed } from '../errors.js';

const ACCESS_KEY = /^[A-Za-z0-9+/]{20,}={0,2}$/;

/**
 * Reads the access key out of a stored credential.
 *
 * Done here because the SDK's own reading puts a malformed connection string into its error message.
 *
 * @param text a connection string (`endpoint=…;accesskey=…`, in any order) or a bare access key
 * @throws UpstreamCredentialMalformed which says what is wrong without the value
 */
export function accessKeyOf(resource: CommunicationResource, text: string): string {
  const refuse = (problem: string): UpstreamCredentialMalformed =>
    new UpstreamCredentialMalformed(resource.name, problem);
  const trimmed = text.trim();
  if (ACCESS_KEY.test(trimmed)) return trimmed;
  const parts = new Map<string, string>();
  for (const part of trimmed.split(';')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(at, 0)).trim().toLowerCase();
    const isKnown = name === 'endpoint' || name === 'accesskey';
    if (!isKnown || parts.has(name)) {
      throw refuse('the secret is neither an access key nor endpoint=…;accesskey=…');
    }
    parts.set(name, part.slice(at + 1).trim());
  }
  const accessKey = parts.get('accesskey') ?? '';
  if (!ACCESS_KEY.test(accessKey)) throw refuse('the access key of the secret is not base64');
  const origin = URL.parse(parts.get('endpoint') ?? '')?.origin;
  if (origin !== resource.endpoint) {
    throw refuse(
      `the connection string is for ${origin ?? 'no address'}, the configuration for ${resource.endpoint}`,
    );
  }
  return accessKey;
}
