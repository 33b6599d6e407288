import type { Change } from '#libs/audit';
import type { ApplicationIdentity } from './application-identity.js';
import type { Mapping } from './mapping.js';

/** The right to ask ACS for the identity of a pending mapping; ends by itself. */
export interface Lease {
  /** UUID of the attempt that holds it. */
  readonly holder: string;
  readonly durationMs: number;
}

/**
 * What a caller got that asked for the right to create:
 *
 * - `won`: a pending mapping under its own lease; ACS was not asked before.
 * - `abandoned`: a pending mapping whose last holder went away without a word; ACS may have been
 *   asked. It becomes the caller's own by `takeOver`.
 * - `taken`: the mapping as it stands; somebody else holds or has finished it.
 */
export interface Claim {
  readonly standing: 'won' | 'abandoned' | 'taken';
  readonly mapping: Mapping;
}

/**
 * Where mappings are kept: at most one that is not deleted for each application identity and ACS
 * resource.
 *
 * What changes a mapping that somebody may rely on comes as a `Change`: it takes effect only in the
 * transaction that records it in the audit trail.
 */
export abstract class IdentityMap {
  /** @returns the mapping that is not deleted, or `undefined` when there is none */
  abstract find(identity: ApplicationIdentity, resource: string): Promise<Mapping | undefined>;

  /**
   * Asks for the right to create. Of callers that race, in any number of processes, one wins.
   *
   * @throws IdentityKindConflict when the identity is mapped under another kind
   */
  abstract claim(identity: ApplicationIdentity, resource: string, lease: Lease): Promise<Claim>;

  /** Gives an abandoned mapping to a new lease. The change rejects with `LeaseLost` when another was faster. */
  abstract takeOver(mappingId: string, lease: Lease): Change;

  /** `pending` → `active`. The change rejects with `LeaseLost` when the lease is no longer the holder's. */
  abstract activate(mappingId: string, lease: Lease, communicationUserId: string): Change;

  /** Gives up a lease, to be used when ACS surely has made no identity: the next caller wins at once. */
  abstract release(mappingId: string, lease: Lease): Promise<void>;

  /** Gives up a lease when ACS may have made an identity whose id is lost. */
  abstract releaseUnknown(mappingId: string, lease: Lease): Change;
}
