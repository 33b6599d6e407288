import {
  sampleApps,
  type SampleApp,
  samplePeople,
  type SamplePerson,
  type SampleResource,
  sampleResources,
  sampleTenants,
} from '../sample-people.js';
import { EntraRefusal } from './entra-errors.js';

const guid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const sharedAuthorities = ['common', 'organizations', 'consumers'];

/** Scopes of OpenID Connect, which belong to no resource. */
const protocolScopes = ['openid', 'profile', 'email', 'offline_access'];

/**
 * The tenant that a path names, by id or domain. Any GUID is taken for a tenant.
 *
 * @returns `undefined` for `common` and its like, which name none.
 */
export function resolveTenant(segment: string): string | undefined {
  if (sharedAuthorities.includes(segment)) return undefined;
  if (guid.test(segment)) return segment.toLowerCase();
  const tenant = Object.values(sampleTenants).find(({ domain }) => domain === segment);
  if (tenant !== undefined) return tenant.id;
  throw new EntraRefusal({
    error: 'invalid_request',
    number: 90002,
    message:
      `Tenant '${segment}' not found. Check to make sure you have the correct tenant ID and are ` +
      'signing into the correct cloud.',
  });
}

export function findApp(clientId: string, tenantSegment: string): SampleApp {
  const app = Object.values<SampleApp>(sampleApps).find((known) => known.clientId === clientId);
  if (app !== undefined) return app;
  throw new EntraRefusal({
    error: 'unauthorized_client',
    number: 700016,
    message:
      `Application with identifier '${clientId}' was not found in the directory ` +
      `'${tenantSegment}'. This can happen if the application has not been installed by the ` +
      'administrator of the tenant or consented to by any user in the tenant.',
  });
}

export function findPerson(tenantId: string, objectId: unknown): SamplePerson | undefined {
  return Object.values<SamplePerson>(samplePeople).find(
    (person) => person.objectId === objectId && person.tenantId === tenantId,
  );
}

/** Who may sign in there. A guest is one only in the tenant that invited them. */
export function peopleOf(tenantId: string | undefined): SamplePerson[] {
  return Object.values<SamplePerson>(samplePeople).filter((person) =>
    tenantId === undefined ? person.guestOf === undefined : person.tenantId === tenantId,
  );
}

/** What a request asks for, with the resource worked out. */
export interface RequestedScopes {
  readonly resource: SampleResource;
  /** The identifier by which the resource was named. */
  readonly identifier: string;
  /** Names of the resource's scopes; `.default` stands for all that is consented to. */
  readonly names: readonly string[];
  readonly protocol: readonly string[];
}

export function parseScopes(text: string): RequestedScopes {
  const all = text.split(' ').filter((scope) => scope !== '');
  const protocol = all.filter((scope) => protocolScopes.includes(scope));
  const wanted = all.filter((scope) => !protocolScopes.includes(scope)).map(parseScope);
  const [first] = wanted;
  if (first === undefined) {
    const graph = sampleResources.graph;
    return { resource: graph, identifier: graph.identifiers[0], names: [], protocol };
  }
  if (wanted.some(({ resource }) => resource !== first.resource)) {
    throw new EntraRefusal({
      error: 'invalid_request',
      number: 28000,
      message: `Provided value for the input parameter scope is not valid because it contains more than one resource. Scope ${text} is not valid.`,
    });
  }
  return { ...first, names: wanted.map(({ name }) => name), protocol };
}

export function findResource(identifier: string): SampleResource {
  const resource = Object.values(sampleResources).find(({ identifiers }) =>
    identifiers.includes(identifier),
  );
  if (resource !== undefined) return resource;
  throw new EntraRefusal({
    error: 'invalid_resource',
    number: 500011,
    message:
      `The resource principal named ${identifier} was not found in the tenant. This can happen if ` +
      'the application has not been installed by the administrator of the tenant or consented to ' +
      'by any user in the tenant.',
  });
}

/** @returns the scopes that the person's token carries: all that is consented to, as in Entra. */
export function consentedScopes(person: SamplePerson, wanted: RequestedScopes): readonly string[] {
  const { resource } = wanted;
  const consented = resource === sampleResources.api ? person.scopes : resource.delegatedScopes;
  for (const name of wanted.names) {
    if (name === '.default') continue;
    if (!resource.delegatedScopes.includes(name)) {
      throw new EntraRefusal({
        error: 'invalid_client',
        number: 650053,
        message: `The application asked for scope '${name}' that doesn't exist on the resource '${resource.clientId}'. Contact the app vendor.`,
      });
    }
    if (!consented.includes(name)) {
      throw new EntraRefusal({
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

/** `User.Read` alone is Graph's; everything else is `<identifier>/<name>`. */
function parseScope(scope: string): {
  resource: SampleResource;
  identifier: string;
  name: string;
} {
  if (!scope.includes('/')) {
    const graph = sampleResources.graph;
    return { resource: graph, identifier: graph.identifiers[0], name: scope };
  }
  const slash = scope.lastIndexOf('/');
  const identifier = scope.slice(0, slash);
  return { resource: findResource(identifier), identifier, name: scope.slice(slash + 1) };
}
