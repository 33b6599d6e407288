import { createHash, timingSafeEqual } from 'node:crypto';
import type { AccessTokens } from '../entra/access-tokens.js';
import {
  type SampleApp,
  SAMPLE_APPS,
  SAMPLE_RESOURCES,
  SAMPLE_TENANTS,
} from '../fixtures/seed-directory.js';
import type { ServiceRequest } from '../route.js';
import { denied } from './acs-errors.js';
import type { AcsResource } from './resource.js';

/** Microsoft's SDKs sign `x-ms-date`, its sample of Teams Phone extensibility `date`. */
const AUTHORIZATION_PATTERN =
  /^HMAC-SHA256 SignedHeaders=(x-ms-date|date);host;x-ms-content-sha256&Signature=([A-Za-z0-9+/=]+)$/;
const MAX_CLOCK_SKEW_MS = 15 * 60 * 1000;

/**
 * Authenticates a call by the HMAC of an access key or by an Entra token.
 *
 * @param isOwnHost whether a `Host` header names this server.
 * @returns the caller's credential.
 * @throws HttpError 401 `Denied`.
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

  const [, dateHeader = '', signature] = AUTHORIZATION_PATTERN.exec(authorization) ?? [];
  const date = request.headers[dateHeader];
  const contentHash = request.headers['x-ms-content-sha256'];
  const { host } = request.headers;
  if (signature === undefined || typeof date !== 'string' || typeof contentHash !== 'string') {
    throw denied();
  }
  if (host === undefined || !isOwnHost(host)) throw denied();
  const skewMs = Math.abs(Date.now() - Date.parse(date));
  if (!(skewMs <= MAX_CLOCK_SKEW_MS) || !isHashOf(contentHash, request.body)) throw denied();
  const stringToSign = `${request.method}\n${request.target}\n${date};${host};${contentHash}`;
  const keyName = resource.keyThatSigned(stringToSign, signature);
  if (keyName === undefined) throw denied();
  request.caller = `key:${keyName}`;
  return resource.credentialOf(keyName);
}

/** Accepts only principals with the Azure role, as role assignments do on the real resource. */
function authenticateBearer(request: ServiceRequest, token: string, tokens: AccessTokens): string {
  const claims = tokens.verify(token, SAMPLE_RESOURCES.communication);
  const app = Object.values<SampleApp>(SAMPLE_APPS).find(
    ({ objectId }) => objectId === claims?.oid,
  );
  if (app === undefined || !app.hasAzureRoles || claims?.tid !== SAMPLE_TENANTS.home.id) {
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
