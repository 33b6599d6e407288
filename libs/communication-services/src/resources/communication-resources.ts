import { ResourceNotConfigured } from '../errors.js';

/** One configured ACS resource. */
export interface CommunicationResource {
  /** The operator's own name for it; mappings are pinned to it. */
  readonly name: string;
  /** https origin */
  readonly endpoint: string;
  /** The resource's GUID, in lower case: the first one in every `8:acs:` id of it. */
  readonly immutableResourceId: string;
  /** Name of the secret with its connection string or access key; absent: the Entra credential. */
  readonly credentialSecret?: string;
  /** Tenants whose new identities are made here. */
  readonly tenants: readonly string[];
}

/** An ACS user's id: the resource's GUID, then the user's own. */
const ACS_USER =
  /^8:acs:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The ACS resources that this service works with. */
export class CommunicationResources {
  readonly #byName: ReadonlyMap<string, CommunicationResource>;
  readonly #byId: ReadonlyMap<string, CommunicationResource>;
  readonly #byTenant: ReadonlyMap<string, CommunicationResource>;

  /** @param all each with its own name, id and tenants; @param defaultName one of their names */
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

  /** @throws ResourceNotConfigured */
  find(name: string): CommunicationResource {
    const resource = this.#byName.get(name);
    if (!resource) throw new ResourceNotConfigured(name);
    return resource;
  }

  /** Where identities of tenants without a resource of their own are made. */
  get default(): CommunicationResource {
    return this.find(this.defaultName);
  }

  /** Where a new identity of the tenant is made. */
  forTenant(tenant: string): CommunicationResource {
    return this.#byTenant.get(tenant.toLowerCase()) ?? this.default;
  }

  /**
   * The resource that an existing identity belongs to.
   *
   * @returns `undefined` when it is no ACS user id, or of a resource that is not configured
   */
  ofCommunicationUserId(communicationUserId: string): CommunicationResource | undefined {
    const id = ACS_USER.exec(communicationUserId)?.[1];
    return id === undefined ? undefined : this.#byId.get(id.toLowerCase());
  }
}
