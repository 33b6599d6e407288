import type { AuditTrail } from '#libs/audit';
import type {
  CommunicationIdentityGateway,
  CommunicationResources,
} from '#libs/communication-services';
import type { Clock, Logger } from '#libs/platform';
import { BackgroundWork } from '../src/background-work.js';
import { IdentityCreation } from '../src/identity-creation.js';
import type { IdentityMap } from '../src/identity-map.js';
import { IdentityMappingService } from '../src/identity-mapping.service.js';
import { Orphans } from '../src/orphans.js';
import { TokenRevocation } from '../src/token-revocation.js';

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
  const orphans = new Orphans(map, gateway, audit, logger, times);
  const background = new BackgroundWork(clock, logger);
  const creation = new IdentityCreation(map, gateway, orphans, background, audit, clock, logger);
  const revocation = new TokenRevocation(map, gateway, audit, clock, logger, times);
  return new IdentityMappingService(map, creation, revocation, resources, clock, times);
}
