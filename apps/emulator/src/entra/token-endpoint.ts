import { createHash, timingSafeEqual } from 'node:crypto';
import type { ServiceReply, ServiceRequest } from '../route.js';
import {
  type SampleApp,
  SAMPLE_RESOURCES,
  SAMPLE_TENANTS,
  type TokenVersion,
} from '../fixtures/seed-directory.js';
import { type AccessTokens, TOKEN_LIFETIME_SECONDS } from './access-tokens.js';
import { requestedContexts } from './claims-request.js';
import { requireClientType, sharingHeaders } from './cross-origin.js';
import {
  allApps,
  consentedScopes,
  findApp,
  findPerson,
  findResource,
  parseScopes,
  type RequestedScopes,
  resolveTenant,
} from './directory.js';
import { EntraHttpError, malformedGrant, missingParameter } from './entra-errors.js';
import { type CodeGrant, type Grants, type RefreshGrant, spaExpiry } from './grants.js';

const ON_BEHALF_OF = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** The v1.0 and v2.0 token endpoints: client credentials, code, refresh token and on-behalf-of. */
export class TokenEndpoint {
  constructor(
    private readonly tokens: AccessTokens,
    private readonly grants: Grants,
  ) {}

  handle(request: ServiceRequest, segment: string, endpoint: TokenVersion): ServiceReply {
    const form = new URLSearchParams(request.body.toString());
    const apps = allApps().filter(({ clientId }) => clientId === form.get('client_id'));
    const { headers, ...reply } = this.#answer(request, form, segment, endpoint);
    return { ...reply, headers: { ...headers, ...sharingHeaders(request, apps) } };
  }

  #answer(
    request: ServiceRequest,
    form: URLSearchParams,
    segment: string,
    endpoint: TokenVersion,
  ): ServiceReply {
    try {
      return this.#redeem(request, form, segment, endpoint);
    } catch (error) {
      if (error instanceof EntraHttpError) return error.reply;
      throw error;
    }
  }

  #redeem(
    request: ServiceRequest,
    form: URLSearchParams,
    segment: string,
    endpoint: TokenVersion,
  ): ServiceReply {
    const grantType = required(form, 'grant_type');
    const tenantId = resolveTenant(segment);
    const client = authenticateClient(request, form, segment);
    request.caller = client.clientId;
    switch (grantType) {
      case 'client_credentials':
        requireClientType(request, client, false);
        return this.#clientCredentials(form, client, tenantId, endpoint);
      case 'authorization_code':
        return this.#authorizationCode(request, form, client, endpoint);
      case 'refresh_token':
        return this.#refresh(request, form, client, endpoint);
      case ON_BEHALF_OF:
        requireClientType(request, client, false);
        return this.#onBehalfOf(form, client, endpoint);
      default:
        throw new EntraHttpError({
          error: 'unsupported_grant_type',
          number: 70003,
          message: `The app requested an unsupported grant type '${grantType}'.`,
        });
    }
  }

  #clientCredentials(
    form: URLSearchParams,
    client: SampleApp,
    tenantId: string | undefined,
    endpoint: TokenVersion,
  ): ServiceReply {
    if (client.clientSecret === undefined) throw new EntraHttpError(secretMissing());
    if (tenantId !== SAMPLE_TENANTS.home.id) {
      throw new EntraHttpError({
        error: 'unauthorized_client',
        number: 700016,
        message: `Application with identifier '${client.clientId}' was not found in the directory '${tenantId ?? 'common'}'.`,
      });
    }
    const wanted = requestedResource(form, endpoint);
    if (endpoint === '2.0' && wanted.names.join(' ') !== '.default') {
      throw new EntraHttpError({
        error: 'invalid_scope',
        number: 1002012,
        message: `The provided value for scope ${form.get('scope') ?? ''} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
      });
    }
    const claims = this.tokens.appOnlyClaims({
      resource: wanted.resource,
      audience: wanted.identifier,
      tenantId,
      client,
      version: wanted.resource.tokenVersion,
      roles: wanted.resource === SAMPLE_RESOURCES.api ? client.roles : [],
    });
    return success(endpoint, wanted, { access_token: this.tokens.sign(claims) });
  }

  #authorizationCode(
    request: ServiceRequest,
    form: URLSearchParams,
    client: SampleApp,
    endpoint: TokenVersion,
  ): ServiceReply {
    const grant = this.grants.redeemCode(required(form, 'code'));
    if (grant?.clientId !== client.clientId) {
      throw new EntraHttpError(malformedGrant());
    }
    if (required(form, 'redirect_uri') !== grant.redirectUri) {
      throw new EntraHttpError({
        error: 'invalid_client',
        number: 500112,
        message:
          'The reply address does not match the reply address provided when requesting Authorization code.',
      });
    }
    requireClientType(request, client, grant.isSpa);
    checkProofKey(grant.codeChallenge, form.get('code_verifier'));
    return this.#signIn(endpoint, client, {
      ...grant,
      spaExpiresAtMs: grant.isSpa ? spaExpiry() : undefined,
    });
  }

  #refresh(
    request: ServiceRequest,
    form: URLSearchParams,
    client: SampleApp,
    endpoint: TokenVersion,
  ): ServiceReply {
    const grant = this.grants.findRefresh(required(form, 'refresh_token'));
    if (grant?.clientId !== client.clientId) {
      throw new EntraHttpError(malformedGrant());
    }
    const { spaExpiresAtMs } = grant;
    requireClientType(request, client, spaExpiresAtMs !== undefined);
    if (spaExpiresAtMs !== undefined && spaExpiresAtMs <= Date.now()) {
      throw new EntraHttpError({
        error: 'invalid_grant',
        number: 700084,
        message:
          "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which can't be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page.",
      });
    }
    if (requestedContexts(form).some((context) => !grant.contexts.includes(context))) {
      throw new EntraHttpError({
        error: 'interaction_required',
        number: 50076,
        message:
          'Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource.',
      });
    }
    const scope = form.get('scope');
    const wanted = scope === null ? grant.wanted : parseScopes(scope);
    return this.#signIn(endpoint, client, { ...grant, wanted });
  }

  #onBehalfOf(form: URLSearchParams, client: SampleApp, endpoint: TokenVersion): ServiceReply {
    if (client.clientSecret === undefined) throw new EntraHttpError(secretMissing());
    if (form.get('requested_token_use') !== 'on_behalf_of') {
      throw new EntraHttpError(missingParameter('requested_token_use'));
    }
    const api = SAMPLE_RESOURCES.api;
    const assertion = this.tokens.verify(required(form, 'assertion'), api);
    if (assertion === undefined || client.clientId !== api.clientId) {
      throw new EntraHttpError({
        error: 'invalid_grant',
        number: 500131,
        message:
          'Assertion audience does not match the Client app presenting the assertion, or the assertion is not valid.',
      });
    }
    const person = findPerson(String(assertion.tid), assertion.oid);
    if (person === undefined || assertion.scp === undefined) {
      throw new EntraHttpError({
        error: 'invalid_grant',
        number: 7000114,
        message: `Application '${client.clientId}' is not allowed to make application on-behalf-of calls.`,
      });
    }
    const { clientId } = client;
    return this.#signIn(endpoint, client, {
      clientId,
      person,
      wanted: requestedResource(form, endpoint),
      contexts: [],
    });
  }

  #signIn(
    endpoint: TokenVersion,
    client: SampleApp,
    { person, wanted, contexts, nonce, spaExpiresAtMs }: RefreshGrant & Pick<CodeGrant, 'nonce'>,
  ): ServiceReply {
    const scopes = consentedScopes(person, wanted);
    const claims = this.tokens.delegatedClaims({
      resource: wanted.resource,
      audience: wanted.identifier,
      tenantId: person.tenantId,
      client,
      version: wanted.resource.tokenVersion,
      person,
      scopes,
      contexts,
    });
    const idToken = this.tokens.idTokenClaims(person, client, endpoint, nonce);
    return success(endpoint, wanted, {
      // MSAL finds a token in its cache by these: without .default, it would request one for each call.
      scope: [...scopes, ...wanted.names.filter((name) => name === '.default')]
        .map((name) => `${wanted.identifier}/${name}`)
        .join(' '),
      access_token: this.tokens.sign(claims),
      ...(wanted.protocol.includes('offline_access')
        ? {
            refresh_token: this.grants.addRefresh({
              clientId: client.clientId,
              person,
              wanted,
              contexts,
              spaExpiresAtMs,
            }),
          }
        : {}),
      ...(wanted.protocol.includes('openid') ? { id_token: this.tokens.sign(idToken) } : {}),
    });
  }
}

/** The v1.0 endpoint has a `resource` parameter; at v2.0 the resource is part of `scope`. */
function requestedResource(form: URLSearchParams, endpoint: TokenVersion): RequestedScopes {
  const scope = form.get('scope');
  if (endpoint === '2.0' || scope?.includes('/') === true) {
    return parseScopes(required(form, 'scope'));
  }
  const identifier = required(form, 'resource');
  return { resource: findResource(identifier), identifier, names: ['.default'], protocol: [] };
}

function authenticateClient(
  request: ServiceRequest,
  form: URLSearchParams,
  segment: string,
): SampleApp {
  const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const [basicId, basicSecret] = Buffer.from(basic ?? '', 'base64')
    .toString()
    .split(':')
    .map(decodeURIComponent);
  const clientId = form.get('client_id') ?? basicId;
  if (clientId === undefined || clientId === '') {
    throw new EntraHttpError(missingParameter('client_id'));
  }
  const app = findApp(clientId, segment);
  const secret = form.get('client_secret') ?? basicSecret;
  if (app.clientSecret === undefined) {
    if (secret === undefined) return app;
    throw new EntraHttpError({
      error: 'invalid_client',
      number: 700025,
      status: 401,
      message:
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    });
  }
  if (secret === undefined) throw new EntraHttpError(secretMissing());
  if (!isSame(secret, app.clientSecret)) {
    throw new EntraHttpError({
      error: 'invalid_client',
      number: 7000215,
      status: 401,
      message: `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
    });
  }
  return app;
}

/** RFC 7636, S256 only. */
function checkProofKey(challenge: string | undefined, verifier: string | null): void {
  if (challenge === undefined && verifier === null) return;
  const computed = createHash('sha256')
    .update(verifier ?? '')
    .digest('base64url');
  if (verifier !== null && challenge !== undefined && isSame(computed, challenge)) return;
  throw new EntraHttpError({
    error: 'invalid_grant',
    number: 501481,
    message:
      'The Code_Verifier does not match the code_challenge supplied in the authorization request.',
  });
}

function secretMissing(): ConstructorParameters<typeof EntraHttpError>[0] {
  return {
    error: 'invalid_client',
    number: 7000218,
    status: 401,
    message:
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  };
}

function success(endpoint: TokenVersion, wanted: RequestedScopes, body: object): ServiceReply {
  const common = { token_type: 'Bearer', ...body };
  const headers = { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' };
  if (endpoint === '2.0') {
    const expires = { expires_in: TOKEN_LIFETIME_SECONDS, ext_expires_in: TOKEN_LIFETIME_SECONDS };
    return { status: 200, headers, body: { ...common, ...expires } };
  }
  const now = Math.floor(Date.now() / 1000);
  return {
    status: 200,
    headers,
    body: {
      ...common,
      expires_in: String(TOKEN_LIFETIME_SECONDS),
      ext_expires_in: String(TOKEN_LIFETIME_SECONDS),
      expires_on: String(now + TOKEN_LIFETIME_SECONDS),
      not_before: String(now - 300),
      resource: wanted.identifier,
    },
  };
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name);
  if (value === null || value === '') throw new EntraHttpError(missingParameter(name));
  return value;
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [given, expected].map((text) => createHash('sha256').update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}
