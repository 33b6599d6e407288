import {
  SAMPLE_APPS,
  type SampleApp,
  SAMPLE_PEOPLE,
  type SamplePerson,
  type SampleResource,
  SAMPLE_RESOURCES,
  SAMPLE_TENANTS,
} from '../fixtures/seed-directory.js';
import { EntraHttpError } from './entra-errors.js';

const GUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const SHARED_AUTHORITIES = ['common', 'organizations', 'consumers'];

/** OpenID Connect scopes, which do not belong to a resource. */
const PROTOCOL_SCOPES = ['openid', 'profile', 'email', 'offline_access'];

/**
 * The tenant of a path segment: an id or a domain. Any GUID is accepted.
 *
 * @returns `undefined` for `common`, `organizations` and `consumers`.
 * @throws EntraHttpError for an unknown domain.
 */
export function resolveTenant(segment: string): string | undefined {
  if (SHARED_AUTHORITIES.includes(segment)) return undefined;
  if (GUID.test(segment)) return segment.toLowerCase();
  const tenant = Object.values(SAMPLE_TENANTS).find(({ domain }) => domain === segment);
  if (tenant !== undefined) return tenant.id;
  throw new EntraHttpError({
    error: 'invalid_request',
    number: 90002,
    message:
      `Tenant '${segment}' not found. Check to make sure you have the correct tenant ID and are ` +
      'signing into the correct cloud.',
  });
}

export function allApps(): SampleApp[] {
  return Object.values<SampleApp>(SAMPLE_APPS);
}

/** @returns `undefined` for an unknown app. */
export function findAppByObjectId(objectId: unknown): SampleApp | undefined {
  return allApps().find((known) => known.objectId === objectId);
}

/** @throws EntraHttpError for an unknown client id. */
export function findApp(clientId: string, tenantSegment: string): SampleApp {
  const app = allApps().find((known) => known.clientId === clientId);
  if (app !== undefined) return app;
  throw new EntraHttpError({
    error: 'unauthorized_client',
    number: 700016,
    message:
      `Application with identifier '${clientId}' was not found in the directory ` +
      `'${tenantSegment}'. This can happen if the application has not been installed by the ` +
      'administrator of the tenant or consented to by any user in the tenant.',
  });
}

/** Whether one of the redirect URIs allows this one. `http://localhost:*` allows any port and path. */
export function isRedirectUri(uri: string, allowed: readonly string[]): boolean {
  return allowed.some((pattern) => {
    if (!pattern.endsWith(':*')) return uri === pattern;
    const url = URL.parse(uri);
    const isSameHost = `${url?.protocol}//${url?.hostname}` === pattern.slice(0, -2);
    return isSameHost && url?.username === '';
  });
}

/** Whether a single-page application of this origin may redeem codes of the app. */
export function isSpaOrigin(origin: string, { spaRedirectUris }: SampleApp): boolean {
  return spaRedirectUris.some((uri) =>
    uri.endsWith(':*') ? isRedirectUri(origin, [uri]) : new URL(uri).origin === origin,
  );
}

/** @returns `undefined` for an unknown person. */
export function findPerson(tenantId: string, objectId: unknown): SamplePerson | undefined {
  return Object.values<SamplePerson>(SAMPLE_PEOPLE).find(
    (person) => person.objectId === objectId && person.tenantId === tenantId,
  );
}

/** The people who can sign in at a tenant. Guests can't sign in at `common`. */
export function peopleOf(tenantId: string | undefined): SamplePerson[] {
  return Object.values<SamplePerson>(SAMPLE_PEOPLE).filter((person) =>
    tenantId === undefined ? person.guestOf === undefined : person.tenantId === tenantId,
  );
}

/** The parsed `scope` of a request. */
export interface RequestedScopes {
  readonly resource: SampleResource;
  /** The requested identifier of the resource. */
  readonly identifier: string;
  /** Scope names of the resource; `.default` stands for all scopes with consent. */
  readonly names: readonly string[];
  readonly protocol: readonly string[];
}

/** @throws EntraHttpError for scopes of several resources, or of an unknown one. */
export function parseScopes(text: string): RequestedScopes {
  const all = text.split(' ').filter((scope) => scope !== '');
  const protocol = all.filter((scope) => PROTOCOL_SCOPES.includes(scope));
  const wanted = all.filter((scope) => !PROTOCOL_SCOPES.includes(scope)).map(parseScope);
  const [first] = wanted;
  if (first === undefined) {
    const graph = SAMPLE_RESOURCES.graph;
    return { resource: graph, identifier: graph.identifiers[0], names: [], protocol };
  }
  if (wanted.some(({ resource }) => resource !== first.resource)) {
    throw new EntraHttpError({
      error: 'invalid_request',
      number: 28000,
      message: `Provided value for the input parameter scope is not valid because it contains more than one resource. Scope ${text} is not valid.`,
    });
  }
  return { ...first, names: wanted.map(({ name }) => name), protocol };
}

/** @throws EntraHttpError for an unknown identifier. */
export function findResource(identifier: string): SampleResource {
  const resource = Object.values(SAMPLE_RESOURCES).find(({ identifiers }) =>
    identifiers.includes(identifier),
  );
  if (resource !== undefined) return resource;
  throw new EntraHttpError({
    error: 'invalid_resource',
    number: 500011,
    message:
      `The resource principal named ${identifier} was not found in the tenant. This can happen if ` +
      'the application has not been installed by the administrator of the tenant or consented to ' +
      'by any user in the tenant.',
  });
}

/**
 * The scopes of a delegated token. As in Entra, these are all scopes with consent.
 *
 * @throws EntraHttpError for an unknown scope, or one without consent.
 */
export function consentedScopes(person: SamplePerson, wanted: RequestedScopes): readonly string[] {
  const { resource } = wanted;
  const consented = resource === SAMPLE_RESOURCES.api ? person.scopes : resource.delegatedScopes;
  for (const name of wanted.names) {
    if (name === '.default') continue;
    if (!resource.delegatedScopes.includes(name)) {
      throw new EntraHttpError({
        error: 'invalid_client',
        number: 650053,
        message: `The application asked for scope '${name}' that doesn't exist on the resource '${resource.clientId}'. Contact the app vendor.`,
      });
    }
    if (!consented.includes(name)) {
      throw new EntraHttpError({
        error: 'consent_required',
        number: 65001,
        message:
          'The user or administrator has not consented to use the application. Send an ' +
          'interactive authorization request for this user and resource.',
      });
    }
  }
  return consented;
}

/** A scope is `<identifier>/<name>`; without an identifier it belongs to Microsoft Graph. */
function parseScope(scope: string): {
  resource: SampleResource;
  identifier: string;
  name: string;
} {
  if (!scope.includes('/')) {
    const graph = SAMPLE_RESOURCES.graph;
    return { resource: graph, identifier: graph.identifiers[0], name: scope };
  }
  const slash = scope.lastIndexOf('/');
  const identifier = scope.slice(0, slash);
  return { resource: findResource(identifier), identifier, name: scope.slice(slash + 1) };
}
