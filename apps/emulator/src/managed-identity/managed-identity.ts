import { createHash, timingSafeEqual } from 'node:crypto';
import { nowSeconds, tokenLifetimeSeconds } from '../entra/access-tokens.js';
import { findResource } from '../entra/directory.js';
import type { Entra } from '../entra/entra.js';
import { sampleApps, sampleTenants } from '../sample-people.js';
import { Refusal, type Route, type ServiceReply, type ServiceRequest } from '../service-server.js';

/** The managed identity endpoint of App Service, api-version 2019-08-01. */
export class ManagedIdentity {
  constructor(
    private readonly entra: Entra,
    /** What `X-IDENTITY-HEADER` must hold. */
    private readonly header: string,
  ) {}

  routes(): Route[] {
    return [
      {
        method: 'GET',
        path: /^\/msi\/token$/,
        operation: 'token',
        handle: (request) => this.token(request),
      },
    ];
  }

  private token(request: ServiceRequest): ServiceReply {
    const given = request.headers['x-identity-header'];
    if (typeof given !== 'string' || !isSame(given, this.header)) {
      throw refusal(401, 'The X-IDENTITY-HEADER is missing or wrong.');
    }
    if (request.query.get('api-version') !== '2019-08-01') {
      throw refusal(400, 'The api-version is not supported.');
    }
    const identity = sampleApps['managed-identity'];
    const clientId = request.query.get('client_id');
    if (clientId !== null && clientId !== identity.clientId) {
      throw refusal(400, `No User Assigned or Delegated Managed Identity found for ${clientId}.`);
    }
    const identifier = request.query.get('resource') ?? '';
    const resource = findResource(identifier);
    request.caller = identity.objectId;
    const claims = this.entra.tokens.appOnlyClaims({
      resource,
      audience: identifier,
      tenantId: sampleTenants.home.id,
      client: identity,
      version: resource.tokenVersion,
      roles: [],
    });
    return {
      status: 200,
      body: {
        access_token: this.entra.tokens.sign(claims),
        client_id: identity.clientId,
        expires_on: String(nowSeconds() + tokenLifetimeSeconds),
        resource: identifier,
        token_type: 'Bearer',
      },
    };
  }
}

function refusal(statusCode: number, message: string): Refusal {
  return new Refusal({ status: statusCode, body: { statusCode, message } });
}

function isSame(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
