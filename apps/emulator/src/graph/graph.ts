import { z } from 'zod';
import { findAppByObjectId, peopleOf } from '../entra/directory.js';
import type { AccessTokens } from '../entra/access-tokens.js';
import type { Faults } from '../faults.js';
import { SAMPLE_RESOURCES } from '../fixtures/seed-directory.js';
import { azureError, HttpError } from '../http-error.js';
import { type Route, routesBehind, type ServiceReply, type ServiceRequest } from '../route.js';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 999;
const MAX_BATCH = 20;

/** A user with the open extensions that applications have stored, by name. */
export interface GraphUser {
  readonly id: string;
  readonly tenant: string;
  readonly extensions: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const batchSchema = z.object({
  requests: z
    .array(z.object({ id: z.string(), method: z.literal('GET'), url: z.string() }))
    .max(MAX_BATCH),
});

/** The collaborators of `Graph`. */
export interface GraphDependencies {
  readonly tokens: AccessTokens;
  readonly faults: Faults;
  readonly url: () => string;
}

/** The emulated Microsoft Graph v1.0: users, their open extensions, and batches of both. */
export class Graph {
  #users = new Map<string, GraphUser>();
  readonly #route = routesBehind((request) => {
    this.#authenticate(request);
  });

  constructor(private readonly given: GraphDependencies) {}

  /** Adds users, or replaces those with the same ids. */
  setUsers(users: readonly GraphUser[]): void {
    for (const user of users) this.#users.set(user.id, user);
  }

  clear(): void {
    this.#users.clear();
  }

  routes(): Route[] {
    return [
      this.#route('GET', /^\/v1\.0\/users$/, 'list-users', (request) => this.#list(request)),
      this.#route(
        'GET',
        /^\/v1\.0\/users\/([^/]+)\/extensions\/([^/]+)$/,
        'get-extension',
        (request) => this.#extension(tenantOf(request), request.params),
      ),
      this.#route('POST', /^\/v1\.0\/\$batch$/, 'batch', (request) => this.#batch(request)),
    ];
  }

  #list(request: ServiceRequest): ServiceReply {
    const top = Number(request.query.get('$top') ?? DEFAULT_PAGE);
    const start = Number(request.query.get('$skiptoken') ?? 0);
    if (!(top >= 1 && top <= MAX_PAGE && start >= 0)) {
      throw graphError(400, 'Request_BadRequest', 'Invalid page size specified.');
    }
    const users = this.#usersOf(tenantOf(request));
    const next = new URL(`${this.given.url()}${request.target}`);
    next.searchParams.set('$skiptoken', String(start + top));
    return {
      status: 200,
      body: {
        ...(start + top < users.length && { '@odata.nextLink': next.href }),
        value: users.slice(start, start + top).map(({ id }) => ({ id })),
      },
    };
  }

  #extension(tenant: string, [id = '', name = '']: readonly string[]): ServiceReply {
    const extension = this.#usersOf(tenant).find((user) => user.id === id)?.extensions[name];
    if (extension === undefined) {
      throw graphError(404, 'ResourceNotFound', 'Extension with given id not found.');
    }
    return {
      status: 200,
      body: {
        '@odata.type': '#microsoft.graph.openTypeExtension',
        ...{ id: name, extensionName: name, ...extension },
      },
    };
  }

  #batch(request: ServiceRequest): ServiceReply {
    const { data } = batchSchema.safeParse(JSON.parse(request.body.toString()));
    if (data === undefined) {
      throw graphError(400, 'BadRequest', 'Invalid batch payload format.');
    }
    // Graph answers in any order.
    const responses = data.requests.toReversed().map(({ id, url }) => ({
      id,
      ...this.#answer(tenantOf(request), url),
    }));
    return { status: 200, body: { responses } };
  }

  /** A request inside a batch. A `status` fault for `get-extension` applies to it alone. */
  #answer(tenant: string, url: string): ServiceReply {
    const [fault] = this.given.faults.matches('graph', 'get-extension');
    if (fault?.kind === 'status') {
      const { status = 503, headers = {} } = fault;
      return { status, headers, body: azureError('TooManyRequests', 'Too many requests.') };
    }
    const [path = ''] = url.split('?', 1);
    const match = /^\/?users\/([^/]+)\/extensions\/([^/]+)$/.exec(path);
    try {
      if (match === null) throw graphError(404, 'ResourceNotFound', 'There is no such operation.');
      return this.#extension(tenant, match.slice(1).map(decodeURIComponent));
    } catch (error) {
      if (error instanceof HttpError) return error.reply;
      throw error;
    }
  }

  #usersOf(tenant: string): GraphUser[] {
    const people = peopleOf(tenant).map(({ objectId: id }) => ({ id, tenant, extensions: {} }));
    const users = [...people, ...this.#users.values()].filter((user) => user.tenant === tenant);
    return [...new Map(users.map((user) => [user.id, user])).values()];
  }

  #authenticate(request: ServiceRequest): void {
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const claims = this.given.tokens.verify(token, SAMPLE_RESOURCES.graph);
    if (claims === undefined) {
      throw graphError(401, 'InvalidAuthenticationToken', 'Access token validation failure.');
    }
    const app = findAppByObjectId(claims.oid);
    request.caller = String(claims.oid);
    tenants.set(request, String(claims.tid));
    if (app?.hasAzureRoles === true) return;
    const message = 'Insufficient privileges to complete the operation.';
    throw graphError(403, 'Authorization_RequestDenied', message);
  }
}

const tenants = new WeakMap<ServiceRequest, string>();

function tenantOf(request: ServiceRequest): string {
  return tenants.get(request) ?? '';
}

function graphError(status: number, code: string, message: string): HttpError {
  return new HttpError({ status, body: azureError(code, message) });
}
