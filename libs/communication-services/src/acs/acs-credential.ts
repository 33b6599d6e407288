import { UpstreamCredentialMalformed } from '../errors.js';
import type { CommunicationResource } from '../resources/communication-resources.js';

const ACCESS_KEY = /^[A-Za-z0-9+/]{20,}={0,2}$/;

/**
 * Parses the access key of a stored credential.
 *
 * The SDK's own parser puts a malformed connection string into its error message.
 *
 * @param text a connection string (`endpoint=…;accesskey=…`, in any order) or a bare access key
 * @throws UpstreamCredentialMalformed whose cause says what is wrong, without the value
 */
export function accessKeyOf(resource: CommunicationResource, text: string): string {
  const malformed = (fault: string): UpstreamCredentialMalformed =>
    new UpstreamCredentialMalformed(resource.name, fault);
  const trimmed = text.trim();
  if (ACCESS_KEY.test(trimmed)) return trimmed;
  const fields = new Map<string, string>();
  for (const field of trimmed.split(';')) {
    if (field.trim() === '') continue;
    const at = field.indexOf('=');
    const name = field.slice(0, Math.max(at, 0)).trim().toLowerCase();
    const isKnown = name === 'endpoint' || name === 'accesskey';
    if (!isKnown || fields.has(name)) {
      throw malformed('the secret is neither an access key nor endpoint=…;accesskey=…');
    }
    fields.set(name, field.slice(at + 1).trim());
  }
  const accessKey = fields.get('accesskey') ?? '';
  if (!ACCESS_KEY.test(accessKey)) throw malformed('the access key of the secret is not base64');
  const origin = URL.parse(fields.get('endpoint') ?? '')?.origin;
  if (origin !== resource.endpoint) {
    throw malformed(
      `the connection string is for ${origin ?? 'no address'}, the configuration for ${resource.endpoint}`,
    );
  }
  return accessKey;
}
