import { SpanKind, type SpanOptions } from '@opentelemetry/api';
import type { AcsOperation } from '#libs/request-budget';

const TEAMS_PHONE = '/access/teamsExtension/tenants/{tenant}/assignments/{objectId}';

type Span = readonly [name: string, options: SpanOptions];

/**
 * The spans of the requests to ACS, by the semantic conventions of OpenTelemetry. The paths themselves
 * hold the identity.
 */
export const ACS_SPANS: Readonly<Record<AcsOperation, Span>> = {
  create: spanOf('POST', '/identities'),
  createWithToken: spanOf('POST', '/identities'),
  issue: spanOf('POST', '/identities/{id}/:issueAccessToken'),
  revoke: spanOf('POST', '/identities/{id}/:revokeAccessTokens'),
  delete: spanOf('DELETE', '/identities/{id}'),
  exchange: spanOf('POST', '/teamsUser/:exchangeAccessToken'),
  exchangeTeamsExtension: spanOf('POST', '/access/teamsExtension/:exchangeAccessToken'),
  exchangeEntra: spanOf('POST', '/access/entra/:exchangeAccessToken'),
  assign: spanOf('PUT', TEAMS_PHONE),
  readAssignment: spanOf('GET', TEAMS_PHONE),
  unassign: spanOf('DELETE', TEAMS_PHONE),
};

function spanOf(method: string, template: string): Span {
  const attributes = { 'http.request.method': method, 'url.template': template };
  return [`${method} ${template}`, { kind: SpanKind.CLIENT, attributes }];
}
