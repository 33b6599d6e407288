import { type CanonicalName, type CommunicationUserId, resourceIdOf } from '#libs/platform';
import { ResourceNotConfigured } from '../errors.js';

/** One configured ACS resource. */
export interface CommunicationResource {
  /** Chosen by the operator; mappings refer to it. */
  readonly name: string;
  /** https origin */
  readonly endpoint: string;
  /** A GUID in lower case, the first one in the `8:acs:` ids of the resource. */
  readonly immutableResourceId: string;
  /** Name of the secret with its connection string or access key. Default: the Entra credential. */
  readonly credentialSecret?: string;
  /** Tenants whose identities are created in it. */
  readonly tenants: readonly string[];
}

/** The configured ACS resources, by name, tenant and the ids of their identities. */
export class CommunicationResources {
  readonly #byName: ReadonlyMap<string, CommunicationResource>;
  readonly #byId: ReadonlyMap<string, CommunicationResource>;
  readonly #byTenant: ReadonlyMap<string, CommunicationResource>;

  /**
   * @param all with unique names, ids and tenants
   * @param defaultName one of their names
   */
  constructor(
    all: readonly CommunicationResource[],
    private readonly defaultName: string,
  ) {
    this.#byName = new Map(all.map((resource) => [resource.name, resource]));
    this.#byId = new Map(all.map((resource) => [resource.immutableResourceId, resource]));
    this.#byTenant = new Map(
      all.flatMap((resource) => resource.tenants.map((tenant) => [tenant.toLowerCase(), resource])),
    );
  }

  names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** @throws ResourceNotConfigured */
  find(name: string): CommunicationResource {
    const resource = this.#byName.get(name);
    if (!resource) throw new ResourceNotConfigured(name);
    return resource;
  }

  /** The resource for tenants that no resource lists. */
  get default(): CommunicationResource {
    return this.find(this.defaultName);
  }

  /** The resource in which an identity of the tenant is created. */
  forTenant(tenant: CanonicalName): CommunicationResource {
    return this.#byTenant.get(tenant.toLowerCase()) ?? this.default;
  }

  /**
   * The resource that an identity belongs to.
   *
   * @returns `undefined` for one of a resource that is not configured
   */
  ofCommunicationUserId(
    communicationUserId: CommunicationUserId,
  ): CommunicationResource | undefined {
    const id = resourceIdOf(communicationUserId);
    return id === undefined ? undefined : this.#byId.get(id);
  }
}
