import type { SampleApp } from '../fixtures/seed-directory.js';
import type { ServiceReply, ServiceRequest } from '../route.js';
import { allApps, isSpaOrigin } from './directory.js';
import { EntraHttpError } from './entra-errors.js';

/** The headers by which the token endpoint shows its responses to pages of single-page applications. */
export function sharingHeaders(
  { headers: { origin } }: ServiceRequest,
  apps: readonly SampleApp[],
): Record<string, string> {
  if (origin === undefined || !apps.some((app) => isSpaOrigin(origin, app))) return {};
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'POST, OPTIONS',
    'access-control-expose-headers': 'Content-Length,Content-Encoding,x-ms-request-id,x-ms-srs',
    vary: 'Origin',
  };
}

/** The preflight of the token endpoint. It names no client, so that of any app may follow. */
export function tokenPreflight(request: ServiceRequest): ServiceReply {
  const sharing = sharingHeaders(request, allApps());
  const requested = request.headers['access-control-request-headers'];
  const isAllowed = 'access-control-allow-origin' in sharing && typeof requested === 'string';
  return {
    status: 200,
    headers: { ...sharing, ...(isAllowed && { 'access-control-allow-headers': requested }) },
  };
}

/**
 * Only browsers redeem what a single-page application was granted, from its own origins, and nothing else.
 *
 * @throws EntraHttpError
 */
export function requireClientType(
  { headers: { origin } }: ServiceRequest,
  client: SampleApp,
  isSpa: boolean,
): void {
  if (origin === undefined && isSpa) {
    throw new EntraHttpError({
      error: 'invalid_request',
      number: 9002327,
      message:
        "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.",
    });
  }
  if (origin !== undefined && !(isSpa && isSpaOrigin(origin, client))) {
    throw new EntraHttpError({
      error: 'invalid_request',
      number: 9002326,
      message: `Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request origin: '${origin}'.`,
    });
  }
}
