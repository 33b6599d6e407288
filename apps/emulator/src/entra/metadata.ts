import type { ServiceReply } from '../route.js';
import type { TokenVersion } from '../fixtures/seed-directory.js';
import { resolveTenant } from './directory.js';
import type { SigningKeys } from './signing-keys.js';

/** Public documents: every page may read them. */
const CORS_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, OPTIONS',
};

/**
 * The OpenID Connect discovery document of a tenant, or of `common` with an issuer template.
 *
 * @param endpointsUrl address of the endpoints
 */
export function discoveryDocument(
  authorityUrl: string,
  segment: string,
  version: TokenVersion,
  endpointsUrl: string,
): ServiceReply {
  const tenant = resolveTenant(segment) ?? '{tenantid}';
  const base = `${endpointsUrl}/${segment}`;
  const isV1 = version === '1.0';
  return {
    status: 200,
    headers: CORS_HEADERS,
    body: {
      token_endpoint: isV1 ? `${base}/oauth2/token` : `${base}/oauth2/v2.0/token`,
      token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
      jwks_uri: isV1 ? `${base}/discovery/keys` : `${base}/discovery/v2.0/keys`,
      response_modes_supported: ['query', 'fragment', 'form_post'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      response_types_supported: ['code'],
      scopes_supported: isV1 ? ['openid'] : ['openid', 'profile', 'email', 'offline_access'],
      issuer: isV1 ? `https://sts.windows.net/${tenant}/` : `${authorityUrl}/${tenant}/v2.0`,
      request_uri_parameter_supported: false,
      authorization_endpoint: isV1 ? `${base}/oauth2/authorize` : `${base}/oauth2/v2.0/authorize`,
      end_session_endpoint: isV1 ? `${base}/oauth2/logout` : `${base}/oauth2/v2.0/logout`,
      claims_supported: [
        ...['sub', 'iss', 'aud', 'exp', 'iat', 'auth_time', 'acr', 'nonce', 'preferred_username'],
        ...['name', 'tid', 'ver', 'at_hash', 'c_hash', 'email'],
      ],
      tenant_region_scope: 'EU',
      cloud_instance_name: new URL(authorityUrl).host,
      cloud_graph_host_name: 'graph.windows.net',
      msgraph_host: 'graph.microsoft.com',
      rbac_url: 'https://pas.windows.net',
    },
  };
}

/** The JWKS. As in Entra, only v2.0 keys have an `issuer`. */
export function keySet(
  authorityUrl: string,
  segment: string,
  version: TokenVersion,
  keys: SigningKeys,
): ServiceReply {
  const tenant = resolveTenant(segment) ?? '{tenantid}';
  return {
    status: 200,
    headers: CORS_HEADERS,
    body: {
      keys: keys.published.map((key) => {
        const { n, e } = key.publicKey.export({ format: 'jwk' });
        return {
          kty: 'RSA',
          use: 'sig',
          kid: key.kid,
          x5t: key.kid,
          n,
          e,
          x5c: [key.certificateBase64],
          ...(version === '2.0' ? { issuer: `${authorityUrl}/${tenant}/v2.0` } : {}),
        };
      }),
    },
  };
}

/** The instance discovery document, with which MSAL validates an authority. */
export function instanceDiscovery(authorityUrl: string): ServiceReply {
  const { host } = new URL(authorityUrl);
  return {
    status: 200,
    headers: CORS_HEADERS,
    body: {
      tenant_discovery_endpoint: `${authorityUrl}/common/v2.0/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    },
  };
}
