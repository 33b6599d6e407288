import type { AuditTrail } from '#libs/audit';
import type {
  CommunicationIdentityGateway,
  CommunicationResources,
} from '#libs/communication-services';
import { type Clock, type Logger, Sweeps } from '#libs/platform';
import type { AssignmentStore } from '#libs/teams-phone';
import { MemoryAssignmentStore, wireTeamsPhone } from '#libs/teams-phone/testing';
import { IdentityImport } from '../bulk/identity-import.js';
import { IdentityProvisioning } from '../bulk/identity-provisioning.js';
import { IdentityAdministrationService } from '../identity-administration.service.js';
import { IdentityMappingService } from '../identity-mapping.service.js';
import { BackgroundTasks } from '../lifecycle/background-tasks.js';
import { IdentityCreation } from '../lifecycle/identity-creation.js';
import { IdentityDeletion } from '../lifecycle/identity-deletion.js';
import { IdentityLinking } from '../lifecycle/identity-linking.js';
import { OrphanedIdentities } from '../lifecycle/orphaned-identities.js';
import { RecoveryWorker } from '../lifecycle/recovery-worker.js';
import { TokenRevocation } from '../lifecycle/token-revocation.js';
import type { IdentityMap } from '../store/identity-map.js';
import { MemoryIdentityMap } from './memory-identity-map.js';

/** The services of one replica over the adapters of a test, without a Nest module. */
export function wireIdentityMapping({
  map,
  gateway,
  audit,
  resources,
  clock,
  logger,
  assignmentStore,
}: {
  readonly map: IdentityMap;
  readonly gateway: CommunicationIdentityGateway;
  readonly audit: AuditTrail;
  readonly resources: CommunicationResources;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Absent: in memory. */
  readonly assignmentStore?: AssignmentStore;
}): {
  readonly mappings: IdentityMappingService;
  readonly administration: IdentityAdministrationService;
  readonly teamsPhone: ReturnType<typeof wireTeamsPhone>;
  readonly linking: IdentityLinking;
  readonly importing: IdentityImport;
  readonly deletion: IdentityDeletion;
  readonly orphans: OrphanedIdentities;
  readonly worker: RecoveryWorker;
  readonly settings: { readonly leaseMs: number };
} {
  const settings = { leaseMs: 30_000, waitMs: 8_000, sweepMs: 5_000, linkTenants: [] };
  const common = [clock, logger, settings] as const;
  const background = new BackgroundTasks(clock, logger);
  const orphans = new OrphanedIdentities(map, gateway, audit, ...common);
  const creation = new IdentityCreation(map, gateway, orphans, background, audit, clock, logger);
  const store =
    assignmentStore ??
    new MemoryAssignmentStore(
      clock,
      map instanceof MemoryIdentityMap ? (holder) => map.isBarred(holder) : undefined,
    );
  const teamsPhone = wireTeamsPhone({ store, gateway, audit, resources, clock, logger });
  const { assignments, renewal } = teamsPhone;
  const revocation = new TokenRevocation(
    ...([map, gateway, audit, ...common, assignments, renewal] as const),
  );
  const deletion = new IdentityDeletion(map, gateway, resources, audit, ...common, renewal);
  const worker = new RecoveryWorker(
    ...([map, creation, deletion, revocation, orphans] as const),
    ...common,
    new Sweeps(clock, logger),
  );
  const mappings = new IdentityMappingService(
    ...([map, creation, revocation, resources, clock, settings, audit, renewal] as const),
  );
  const administration = new IdentityAdministrationService(
    ...([map, mappings, revocation, deletion, audit, clock, settings] as const),
    assignments,
  );
  const linking = new IdentityLinking(map, mappings, resources, audit, clock, settings);
  const provisioning = new IdentityProvisioning(mappings, clock);
  const importing = new IdentityImport(map, linking, provisioning, resources, audit, clock);
  return {
    mappings,
    administration,
    teamsPhone,
    linking,
    importing,
    deletion,
    orphans,
    worker,
    settings,
  };
}
