import type { Claims } from '../entra/access-tokens.js';
import { SAMPLE_RESOURCES, type SampleResource } from '../fixtures/seed-directory.js';
import type { Route, ServiceReply, ServiceRequest } from '../route.js';
import { assignmentNotFound, forbidden, invalid, invalidAccessToken } from './acs-errors.js';
import type { AcsAssignment, PrincipalType } from './assignments.js';
import { authenticate } from './authenticate.js';
import { type AcsDependencies, acsRoute, takeFromLimit } from './operation.js';
import { readAssignment } from './requests.js';

/** The stable versions with Teams Phone extensibility, with their name of a resource account. */
const RESOURCE_ACCOUNT: Readonly<Record<string, string>> = {
  '2025-06-30': 'teamsResourceAccount',
  '2026-07-22': 'resourceAccount',
  '2026-09-23': 'resourceAccount',
};
const VERSIONS = Object.keys(RESOURCE_ACCOUNT);
/** The exchange for Entra users without Teams is a preview. */
const ENTRA_VERSIONS = ['2025-03-02-preview'];
const ASSIGNMENT = /^\/access\/teamsExtension\/tenants\/([^/]+)\/assignments\/([^/]+)$/;
const GUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Teams Phone extensibility of one ACS resource: who may use it, and the exchange of their Entra tokens. */
export class TeamsExtension {
  constructor(private readonly given: AcsDependencies) {}

  routes(): Route[] {
    const authenticated = {
      path: ASSIGNMENT,
      versions: VERSIONS,
      authenticate: (request: ServiceRequest) =>
        authenticate(request, this.given.resource, this.given.entraTokens, this.given.isOwnHost),
    };
    const byUser = { method: 'POST', authenticate: bearerOf };
    return [
      acsRoute(this.given, {
        ...authenticated,
        method: 'PUT',
        operation: 'assign',
        handle: (request) => this.#put(request),
      }),
      acsRoute(this.given, {
        ...authenticated,
        method: 'GET',
        operation: 'readAssignment',
        handle: (request) => this.#read(request),
      }),
      acsRoute(this.given, {
        ...authenticated,
        method: 'DELETE',
        operation: 'unassign',
        handle: (request) => this.#delete(request),
      }),
      acsRoute(this.given, {
        ...byUser,
        path: /^\/access\/teamsExtension\/:exchangeAccessToken$/,
        operation: 'exchangeTeamsExtension',
        versions: VERSIONS,
        handle: (_request, bearer) => this.#exchangeTeamsExtension(bearer),
      }),
      acsRoute(this.given, {
        ...byUser,
        path: /^\/access\/entra\/:exchangeAccessToken$/,
        operation: 'exchangeEntra',
        versions: ENTRA_VERSIONS,
        handle: (_request, bearer) => this.#exchangeEntra(bearer),
      }),
    ];
  }

  #put(request: ServiceRequest): ServiceReply {
    takeFromLimit(this.given, 'assign');
    const key = this.#keyOf(request);
    const { principalType, clientIds } = readAssignment(request);
    const { assignments } = this.given;
    const isNew = assignments.find(key) === undefined;
    const assignment = { ...key, principalType: typeOf(principalType, request), clientIds };
    assignments.put(assignment);
    return { status: isNew ? 201 : 200, body: bodyOf(assignment, request) };
  }

  #read(request: ServiceRequest): ServiceReply {
    takeFromLimit(this.given, 'readAssignment');
    const assignment = this.given.assignments.find(this.#keyOf(request));
    if (assignment === undefined) throw assignmentNotFound();
    return { status: 200, body: bodyOf(assignment, request) };
  }

  /** Idempotent: deleting an assignment that does not exist succeeds. */
  #delete(request: ServiceRequest): ServiceReply {
    takeFromLimit(this.given, 'unassign');
    this.given.assignments.delete(this.#keyOf(request));
    return { status: 204 };
  }

  #exchangeTeamsExtension(bearer: string): ServiceReply {
    takeFromLimit(this.given, 'exchangeTeamsExtension');
    const { resource, assignments } = this.given;
    const user = this.#userOf(bearer, SAMPLE_RESOURCES.teams, ['TeamsExtension.ManageCalls']);
    const key = { resource: resource.name, tenantId: user.tid, objectId: user.oid };
    const assignment = assignments.find(key);
    const isOpen =
      assignment !== undefined &&
      (assignment.clientIds.length === 0 || assignment.clientIds.includes(user.clientId));
    if (!isOpen) throw forbidden();
    const id = `8:acs:${resource.id}_${user.tid}_${user.oid}`;
    return this.#answer(id, assignments.issuedAt(key), user);
  }

  #exchangeEntra(bearer: string): ServiceReply {
    takeFromLimit(this.given, 'exchangeEntra');
    const { resource } = this.given;
    const clients = SAMPLE_RESOURCES['communication-clients'];
    const user = this.#userOf(bearer, clients, clients.delegatedScopes);
    const id = `8:acs:${resource.id}_wf_${user.tid}_${user.oid}`;
    return this.#answer(id, Math.floor(Date.now() / 1000), user);
  }

  #answer(id: string, iat: number, { exp }: EntraUser): ServiceReply {
    const { tokens, resource } = this.given;
    const accessToken = tokens.issueForEntraUser({ id, resource, iat, exp });
    return { status: 200, body: { identity: { id }, accessToken } };
  }

  /** @throws HttpError 401 unless the token is a user's, for `audience`, with one of the scopes */
  #userOf(bearer: string, audience: SampleResource, scopes: readonly string[]): EntraUser {
    const claims = this.given.entraTokens.verify(bearer, audience);
    const user = claims && entraUserOf(claims);
    if (user === undefined || !user.scopes.some((scope) => scopes.includes(scope))) {
      throw invalidAccessToken();
    }
    return user;
  }

  #keyOf({ params: [tenantId = '', objectId = ''] }: ServiceRequest) {
    if (!GUID.test(tenantId)) throw invalid('TenantId must be a GUID.', 'TenantId');
    if (!GUID.test(objectId)) throw invalid('ObjectId must be a GUID.', 'ObjectId');
    return { resource: this.given.resource.name, tenantId, objectId };
  }
}

interface EntraUser {
  readonly tid: string;
  readonly oid: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Unix seconds. */
  readonly exp: number;
}

function entraUserOf({ tid, oid, appid, azp, scp, exp }: Claims): EntraUser | undefined {
  const clientId = appid ?? azp;
  if (typeof tid !== 'string' || typeof oid !== 'string' || typeof clientId !== 'string') {
    return undefined;
  }
  if (typeof scp !== 'string' || typeof exp !== 'number') return undefined;
  return { tid, oid, clientId, scopes: scp.split(' '), exp };
}

/** @throws HttpError 401 */
function bearerOf(request: ServiceRequest): string {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer === undefined) throw invalidAccessToken();
  return bearer;
}

/** The names of the version, in any capitals, as Microsoft's own samples send them. */
function typeOf(given: string, request: ServiceRequest): PrincipalType {
  const name = given.toLowerCase();
  if (name === 'user') return 'user';
  if (name === resourceAccountIn(request).toLowerCase()) return 'resourceAccount';
  throw invalid(`PrincipalType: The value '${given}' is not valid.`, 'PrincipalType');
}

function bodyOf({ principalType, ...assignment }: AcsAssignment, request: ServiceRequest): object {
  const { objectId, tenantId, clientIds } = assignment;
  const name = principalType === 'user' ? 'user' : resourceAccountIn(request);
  return { objectId, tenantId, principalType: name, clientIds };
}

function resourceAccountIn({ query }: ServiceRequest): string {
  return RESOURCE_ACCOUNT[query.get('api-version') ?? ''] ?? 'resourceAccount';
}
