import { createHash, timingSafeEqual } from 'node:crypto';
import type { AccessTokens } from '../entra/access-tokens.js';
import { type SampleApp, sampleApps, sampleResources, sampleTenants } from '../sample-people.js';
import type { ServiceRequest } from '../service-server.js';
import { denied } from './acs-errors.js';
import type { AcsResource } from './resource.js';

const authorizationPattern =
  /^HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=([A-Za-z0-9+/=]+)$/;
const clockSkewMs = 15 * 60 * 1000;

/**
 * Checks who calls: an access key's HMAC or an Entra token.
 *
 * @param isOwnHost whether a `Host` header is this server's.
 * @returns what the caller signed in with.
 */
export function authenticate(
  request: ServiceRequest,
  resource: AcsResource,
  tokens: AccessTokens,
  isOwnHost: (host: string) => boolean,
): string {
  const authorization = request.headers.authorization ?? '';
  const bearer = /^Bearer (.+)$/i.exec(authorization)?.[1];
  if (bearer !== undefined) return authenticateBearer(request, bearer, tokens);

  const signature = authorizationPattern.exec(authorization)?.[1];
  const date = request.headers['x-ms-date'];
  const contentHash = request.headers['x-ms-content-sha256'];
  const { host } = request.headers;
  if (signature === undefined || typeof date !== 'string' || typeof contentHash !== 'string') {
    throw denied();
  }
  if (host === undefined || !isOwnHost(host)) throw denied();
  const skewMs = Math.abs(Date.now() - Date.parse(date));
  if (!(skewMs <= clockSkewMs) || !isHashOf(contentHash, request.body)) throw denied();
  const stringToSign = `${request.method}\n${request.target}\n${date};${host};${contentHash}`;
  const keyName = resource.keyThatSigned(stringToSign, signature);
  if (keyName === undefined) throw denied();
  request.caller = `key:${keyName}`;
  return resource.credentialOf(keyName);
}

/** Only principals with the Azure role get in, as with role assignments on the real resource. */
function authenticateBearer(request: ServiceRequest, token: string, tokens: AccessTokens): string {
  const claims = tokens.verify(token, sampleResources.communication);
  const app = Object.values<SampleApp>(sampleApps).find(({ objectId }) => objectId === claims?.oid);
  if (app === undefined || !app.hasAzureRoles || claims?.tid !== sampleTenants.home.id) {
    throw denied();
  }
  request.caller = app.objectId;
  return `entra:${app.objectId}`;
}

function isHashOf(given: string, body: Buffer): boolean {
  const actual = createHash('sha256').update(body).digest();
  const claimed = Buffer.from(given, 'base64');
  return claimed.length === actual.length && timingSafeEqual(claimed, actual);
}
