import { z } from 'zod';
import { type AcsSettings, acsSettingsChangeSchema } from '../acs/settings.js';
import type { AcsAssignments } from '../acs/assignments.js';
import type { AcsIdentities } from '../acs/identities.js';
import type { AcsTokens } from '../acs/acs-tokens.js';
import type { AcsResource } from '../acs/resource.js';
import type { Entra } from '../entra/entra.js';
import type { Faults } from '../faults.js';
import type { Graph } from '../graph/graph.js';
import type { Journal } from '../journal.js';
import type { KeyVault } from '../key-vault/key-vault.js';
import type { VaultSecrets } from '../key-vault/secrets.js';
import { azureError, HttpError } from '../http-error.js';
import type { Route, ServiceReply, ServiceRequest } from '../route.js';
import * as schemas from './schemas.js';

/** The parts of the emulator that the control API drives. */
export interface ControlDependencies {
  readonly entra: Entra;
  readonly faults: Faults;
  readonly journal: Journal;
  readonly acsResources: readonly AcsResource[];
  readonly acsIdentities: AcsIdentities;
  readonly acsAssignments: AcsAssignments;
  readonly acsTokens: AcsTokens;
  readonly acsSettings: { current: AcsSettings; readonly initial: AcsSettings };
  readonly connectionString: (resource: AcsResource) => string;
  readonly graph: Graph;
  readonly keyVault: KeyVault;
  readonly secrets: VaultSecrets;
}

/** The control API for tests and scripts. Loopback only; rejects unknown fields. */
export class Control {
  constructor(private readonly given: ControlDependencies) {}

  routes(): Route[] {
    return [
      this.#route('POST', /^\/control\/tokens$/, 'tokens', async (request) => {
        const wanted = readBody(request, schemas.mintSchema);
        return { status: 200, body: { token: await this.given.entra.mint(wanted) } };
      }),
      this.#route('POST', /^\/control\/keys\/rotate$/, 'rotate-keys', async (request) => {
        const { retireOld } = readBody(request, schemas.rotateSchema);
        const { kid } = await this.given.entra.keys.rotate(retireOld);
        return { status: 200, body: { kid } };
      }),
      this.#route('POST', /^\/control\/faults$/, 'add-fault', (request) => {
        const id = this.given.faults.add(readBody(request, schemas.faultSchema));
        return { status: 201, body: { id } };
      }),
      this.#route('GET', /^\/control\/faults$/, 'list-faults', () => ({
        status: 200,
        body: { faults: this.given.faults.list() },
      })),
      this.#route('DELETE', /^\/control\/faults$/, 'clear-faults', () => {
        this.given.faults.clear();
        return { status: 204 };
      }),
      this.#route('DELETE', /^\/control\/faults\/([^/]+)$/, 'remove-fault', ({ params }) =>
        this.given.faults.remove(params[0] ?? '')
          ? { status: 204 }
          : { status: 404, body: azureError('NotFound', 'There is no such fault.') },
      ),
      this.#route('GET', /^\/control\/identities$/, 'list-identities', () => ({
        status: 200,
        body: { identities: this.given.acsIdentities.list() },
      })),
      this.#route('GET', /^\/control\/assignments$/, 'list-assignments', () => ({
        status: 200,
        body: { assignments: this.given.acsAssignments.list() },
      })),
      this.#route('GET', /^\/control\/journal$/, 'read-journal', (request) => {
        const query = check(schemas.journalSchema, Object.fromEntries(request.query));
        return { status: 200, body: { entries: this.given.journal.read(query) } };
      }),
      this.#route('GET', /^\/control\/acs$/, 'read-acs', () => ({
        status: 200,
        body: this.given.acsSettings.current,
      })),
      this.#route('PUT', /^\/control\/acs$/, 'change-acs', (request) => this.#changeAcs(request)),
      this.#route('POST', /^\/control\/acs\/validate$/, 'validate-token', (request) => {
        const { token } = readBody(request, schemas.validateSchema);
        return {
          status: 200,
          body: this.given.acsTokens.validate(token, this.given.acsResources),
        };
      }),
      this.#route('POST', /^\/control\/acs\/keys\/regenerate$/, 'regenerate-key', (request) =>
        this.#regenerateKey(request),
      ),
      this.#route('PUT', /^\/control\/key-vault$/, 'change-key-vault', (request) => {
        const { limit, windowSeconds } = readBody(request, schemas.vaultLimitSchema);
        this.given.keyVault.changeLimit(limit, windowSeconds);
        return { status: 204 };
      }),
      this.#route('PUT', /^\/control\/key-vault\/secrets$/, 'set-secret', (request) =>
        this.#setSecret(request),
      ),
      this.#route('PUT', /^\/control\/graph\/users$/, 'set-graph-users', (request) => {
        this.given.graph.setUsers(readBody(request, schemas.graphUsersSchema).users);
        return { status: 204 };
      }),
      this.#route('POST', /^\/control\/reset$/, 'reset', (request) => this.#reset(request)),
      // The default target of `redirect` faults. Visits are journaled.
      { method: 'GET', path: /^\/redirected$/, operation: 'redirected', handle: emptyObject },
    ];
  }

  #changeAcs(request: ServiceRequest): ServiceReply {
    const { acsSettings, acsResources } = this.given;
    const change = readBody(request, acsSettingsChangeSchema);
    const given = Object.entries(change).filter(([, value]) => value !== undefined);
    acsSettings.current = { ...acsSettings.current, ...Object.fromEntries(given) };
    if (change.limits !== undefined || change.windowSeconds !== undefined) {
      for (const resource of acsResources) resource.limits.reset();
    }
    return { status: 200, body: acsSettings.current };
  }

  /** Does not update the vault: as in Azure, that is the operator's task. */
  #regenerateKey(request: ServiceRequest): ServiceReply {
    const { resource: name, key } = readBody(request, schemas.regenerateSchema);
    const { acsResources, connectionString } = this.given;
    const resource = acsResources.find((known) => known.name === (name ?? acsResources[0]?.name));
    if (resource === undefined) {
      return { status: 404, body: azureError('NotFound', 'There is no such ACS resource.') };
    }
    resource.regenerateKey(key);
    const answer = { accessKey: resource.accessKey(key) };
    return key === 'secondary'
      ? { status: 200, body: answer }
      : { status: 200, body: { ...answer, connectionString: connectionString(resource) } };
  }

  #setSecret(request: ServiceRequest): ServiceReply {
    const { name, value, contentType, enabled, expiresAt, notBefore } = readBody(
      request,
      schemas.secretSchema,
    );
    const { version } = this.given.secrets.set(name, {
      value,
      enabled,
      ...(contentType === undefined ? {} : { contentType }),
      ...(expiresAt === undefined ? {} : { expires: toUnixSeconds(expiresAt) }),
      ...(notBefore === undefined ? {} : { notBefore: toUnixSeconds(notBefore) }),
    });
    return { status: 200, body: { name, version } };
  }

  #reset(request: ServiceRequest): ServiceReply {
    const { identities } = readBody(request, schemas.resetSchema);
    const { faults, journal, acsResources, acsSettings, graph, keyVault } = this.given;
    const { acsIdentities, acsAssignments } = this.given;
    faults.clear();
    journal.clear();
    graph.clear();
    keyVault.resetLimit();
    acsSettings.current = acsSettings.initial;
    for (const resource of acsResources) resource.limits.reset();
    if (identities) {
      acsIdentities.clear();
      acsAssignments.clear();
    }
    return { status: 204 };
  }

  /** Rejects web pages, including those that use DNS rebinding. */
  #route(
    method: string,
    path: RegExp,
    operation: string,
    handle: (request: ServiceRequest) => ServiceReply | Promise<ServiceReply>,
  ): Route {
    return {
      method,
      path,
      operation,
      handle: async (request) => {
        const host = request.headers.host ?? '';
        if (!/^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(host)) {
          throw badRequest('The control API accepts loopback host names only.');
        }
        if (request.headers.origin !== undefined) {
          throw badRequest('The control API does not accept requests from web pages.');
        }
        return handle(request);
      },
    };
  }
}

function readBody<Schema extends z.ZodType>(
  request: ServiceRequest,
  schema: Schema,
): z.output<Schema> {
  if (request.body.length === 0) return check(schema, {});
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    throw badRequest('The content type must be application/json.');
  }
  try {
    return check(schema, JSON.parse(request.body.toString()));
  } catch (error) {
    if (error instanceof SyntaxError) throw badRequest('The body is not JSON.');
    throw error;
  }
}

function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw badRequest(z.prettifyError(result.error));
}

function badRequest(message: string): HttpError {
  return new HttpError({ status: 400, body: azureError('BadRequest', message) });
}

function emptyObject(): ServiceReply {
  return { status: 200, body: {} };
}

function toUnixSeconds(instant: string): number {
  return Math.floor(Date.parse(instant) / 1000);
}
