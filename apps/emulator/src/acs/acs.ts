import { randomBytes } from 'node:crypto';
import { SAMPLE_RESOURCES, SAMPLE_TENANTS } from '../fixtures/seed-directory.js';
import type { Route, ServiceReply, ServiceRequest } from '../route.js';
import { identityNotFound, identityNotOwned, invalid, invalidAccessToken } from './acs-errors.js';
import { authenticate } from './authenticate.js';
import { type AcsDependencies, acsRoute, takeFromLimit } from './operation.js';
import { readCreate, readExchange, readIssue, wantsToken } from './requests.js';
import type { AcsOperation } from './settings.js';
import { TeamsExtension } from './teams-extension.js';

const API_VERSIONS = [
  ...['2021-03-07', '2022-06-01', '2022-10-01', '2023-10-01'],
  ...['2025-06-30', '2026-07-22', '2026-09-23'],
];

/** The operations of one ACS resource. */
export class Acs {
  constructor(private readonly given: AcsDependencies) {}

  routes(): Route[] {
    return [
      this.#route('POST', /^\/identities$/, 'create', (request, credential) =>
        this.#create(request, credential),
      ),
      this.#route(
        'POST',
        /^\/identities\/([^/]+)\/:issueAccessToken$/,
        'issue',
        (request, credential) => this.#issue(request, credential),
      ),
      this.#route('POST', /^\/identities\/([^/]+)\/:revokeAccessTokens$/, 'revoke', (request) =>
        this.#revoke(request),
      ),
      this.#route('DELETE', /^\/identities\/([^/]+)$/, 'delete', (request) =>
        this.#delete(request),
      ),
      this.#route('POST', /^\/teamsUser\/:exchangeAccessToken$/, 'exchange', (request) =>
        this.#exchange(request),
      ),
      ...new TeamsExtension(this.given).routes(),
    ];
  }

  /** Headers of every response. `MS-CV` is the correlation vector that Microsoft's support needs. */
  static headersFor(request: ServiceRequest, startedAtMs: number): Record<string, string> {
    const clientRequestId = request.headers['x-ms-client-request-id'];
    return {
      'ms-cv': `${randomBytes(16).toString('base64').slice(0, 22)}.0`,
      'x-processing-time': `${Math.round(performance.now() - startedAtMs)}ms`,
      ...(typeof clientRequestId === 'string' ? { 'x-ms-client-request-id': clientRequestId } : {}),
    };
  }

  #route(
    method: string,
    path: RegExp,
    operation: AcsOperation,
    handle: (request: ServiceRequest, credential: string) => ServiceReply,
  ): Route {
    const { resource, entraTokens, isOwnHost } = this.given;
    return acsRoute(this.given, {
      ...{ method, path, operation, versions: API_VERSIONS, handle },
      authenticate: (request) => authenticate(request, resource, entraTokens, isOwnHost),
    });
  }

  #create(request: ServiceRequest, credential: string): ServiceReply {
    takeFromLimit(this.given, wantsToken(request) ? 'createWithToken' : 'create');
    const { scopes, lifetimeMinutes } = readCreate(request);
    const { resource, identities, tokens } = this.given;
    const { id } = identities.create(resource);
    const body = { identity: { id } };
    if (scopes.length === 0) return { status: 201, body };
    const accessToken = tokens.issueForUser({ id, resource, credential, scopes, lifetimeMinutes });
    return { status: 201, body: { ...body, accessToken } };
  }

  #issue(request: ServiceRequest, credential: string): ServiceReply {
    takeFromLimit(this.given, 'issue');
    const { scopes, lifetimeMinutes } = readIssue(request);
    const id = this.#existing(request.params[0] ?? '');
    const { resource, tokens } = this.given;
    return {
      status: 200,
      body: tokens.issueForUser({ id, resource, credential, scopes, lifetimeMinutes }),
    };
  }

  #revoke(request: ServiceRequest): ServiceReply {
    takeFromLimit(this.given, 'revoke');
    this.given.identities.revokeTokens(this.#existing(request.params[0] ?? ''));
    return { status: 204 };
  }

  /** Idempotent: deleting an unknown identity succeeds. */
  #delete(request: ServiceRequest): ServiceReply {
    takeFromLimit(this.given, 'delete');
    const id = request.params[0] ?? '';
    this.#checkOwned(id);
    this.given.identities.delete(id);
    return { status: 204 };
  }

  #exchange(request: ServiceRequest): ServiceReply {
    takeFromLimit(this.given, 'exchange');
    const { token, appId, userId } = readExchange(request);
    const claims = this.given.entraTokens.verify(token, SAMPLE_RESOURCES.teams);
    if (claims?.scp === undefined || claims.tid !== SAMPLE_TENANTS.home.id) {
      throw invalidAccessToken();
    }
    const clientId = claims.appid ?? claims.azp;
    if (clientId !== appId) throw invalid('AAD application is not the expected one.', 'appId');
    if (claims.oid !== userId) throw invalid('AAD user is not the expected one.', 'userId');
    const entra = {
      oid: userId,
      tid: SAMPLE_TENANTS.home.id,
      appid: appId,
      iat: claims.iat,
      uti: claims.uti,
    };
    return { status: 200, body: this.given.tokens.issueForTeamsUser(this.given.resource, entra) };
  }

  #existing(id: string): string {
    this.#checkOwned(id);
    if (this.given.identities.find(id) !== undefined) return id;
    throw this.given.settings().deletedIdentity === 'not-owned'
      ? identityNotOwned()
      : identityNotFound();
  }

  #checkOwned(id: string): void {
    if (!id.startsWith(`8:acs:${this.given.resource.id}_`)) throw identityNotOwned();
  }
}
