import type { AuditTrail } from '#libs/audit';
import type {
  CommunicationIdentityGateway,
  CommunicationResources,
} from '#libs/communication-services';
import type { Clock, Logger } from '#libs/platform';
import { BackgroundTasks } from '../lifecycle/background-tasks.js';
import { IdentityCreation } from '../lifecycle/identity-creation.js';
import type { IdentityMap } from '../store/identity-map.js';
import { IdentityMappingService } from '../identity-mapping.service.js';
import { OrphanedIdentities } from '../lifecycle/orphaned-identities.js';
import { TokenRevocation } from '../lifecycle/token-revocation.js';

/** The service over the adapters that a test gives, without a module around it. */
export function identityMappingOver({
  map,
  gateway,
  audit,
  resources,
  clock,
  logger,
}: {
  readonly map: IdentityMap;
  readonly gateway: CommunicationIdentityGateway;
  readonly audit: AuditTrail;
  readonly resources: CommunicationResources;
  readonly clock: Clock;
  readonly logger: Logger;
}): IdentityMappingService {
  const times = { leaseMs: 30_000, waitMs: 8_000, sweepMs: 5_000 };
  const orphans = new OrphanedIdentities(map, gateway, audit, logger, times);
  const background = new BackgroundTasks(clock, logger);
  const creation = new IdentityCreation(map, gateway, orphans, background, audit, clock, logger);
  const revocation = new TokenRevocation(map, gateway, audit, clock, logger, times);
  return new IdentityMappingService(map, creation, revocation, resources, clock, times);
}
