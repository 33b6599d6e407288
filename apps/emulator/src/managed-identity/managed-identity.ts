import { createHash, timingSafeEqual } from 'node:crypto';
import { nowSeconds, TOKEN_LIFETIME_SECONDS } from '../entra/access-tokens.js';
import { findResource } from '../entra/directory.js';
import type { Entra } from '../entra/entra.js';
import { SAMPLE_APPS, SAMPLE_TENANTS } from '../fixtures/seed-directory.js';
import { HttpError } from '../http-error.js';
import type { Route, ServiceReply, ServiceRequest } from '../route.js';

/** The managed identity endpoint of App Service, api-version 2019-08-01. */
export class ManagedIdentity {
  constructor(
    private readonly entra: Entra,
    /** The expected value of `X-IDENTITY-HEADER`. */
    private readonly header: string,
  ) {}

  routes(): Route[] {
    return [
      {
        method: 'GET',
        path: /^\/msi\/token$/,
        operation: 'token',
        handle: (request) => this.#token(request),
      },
    ];
  }

  #token(request: ServiceRequest): ServiceReply {
    const given = request.headers['x-identity-header'];
    if (typeof given !== 'string' || !isSame(given, this.header)) {
      throw httpError(401, 'The X-IDENTITY-HEADER is missing or wrong.');
    }
    if (request.query.get('api-version') !== '2019-08-01') {
      throw httpError(400, 'The api-version is not supported.');
    }
    const identity = SAMPLE_APPS['managed-identity'];
    const clientId = request.query.get('client_id');
    if (clientId !== null && clientId !== identity.clientId) {
      throw httpError(400, `No User Assigned or Delegated Managed Identity found for ${clientId}.`);
    }
    const identifier = request.query.get('resource') ?? '';
    const resource = findResource(identifier);
    request.caller = identity.objectId;
    const claims = this.entra.tokens.appOnlyClaims({
      resource,
      audience: identifier,
      tenantId: SAMPLE_TENANTS.home.id,
      client: identity,
      version: resource.tokenVersion,
      roles: [],
    });
    return {
      status: 200,
      body: {
        access_token: this.entra.tokens.sign(claims),
        client_id: identity.clientId,
        expires_on: String(nowSeconds() + TOKEN_LIFETIME_SECONDS),
        resource: identifier,
        token_type: 'Bearer',
      },
    };
  }
}

function httpError(statusCode: number, message: string): HttpError {
  return new HttpError({ status: statusCode, body: { statusCode, message } });
}

function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
