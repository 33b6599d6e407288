import type { AuditTrail } from '#libs/audit';
import type {
  CommunicationIdentityGateway,
  CommunicationResources,
} from '#libs/communication-services';
import { type Clock, type Logger, Sweeps } from '#libs/platform';
import { AssignmentReconciliation } from '../assignment-reconciliation.js';
import { AssignmentCalls } from '../lifecycle/assignment-calls.js';
import { AssignmentRecovery } from '../lifecycle/assignment-recovery.js';
import { PersonRenewal } from '../person-renewal.js';
import type { AssignmentStore } from '../store/assignment-store.js';
import { TeamsPhoneAssignments } from '../teams-phone-assignments.js';

/** The services of one replica over the adapters of a test, without a Nest module. */
export function wireTeamsPhone({
  store,
  gateway,
  audit,
  resources,
  clock,
  logger,
}: {
  readonly store: AssignmentStore;
  readonly gateway: CommunicationIdentityGateway;
  readonly audit: AuditTrail;
  readonly resources: CommunicationResources;
  readonly clock: Clock;
  readonly logger: Logger;
}): {
  readonly assignments: TeamsPhoneAssignments;
  readonly recovery: AssignmentRecovery;
  readonly reconciliation: AssignmentReconciliation;
  readonly renewal: PersonRenewal;
} {
  const calls = new AssignmentCalls(
    ...([store, gateway, resources, audit, clock, logger] as const),
    { leaseMs: 3_000 },
  );
  return {
    assignments: new TeamsPhoneAssignments(store, calls, resources, audit, clock),
    renewal: new PersonRenewal(store, calls, logger),
    recovery: new AssignmentRecovery(store, calls, new Sweeps(clock, logger)),
    reconciliation: new AssignmentReconciliation(
      ...([store, calls, gateway, resources, audit, clock] as const),
    ),
  };
}
