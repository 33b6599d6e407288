import { Injectable } from '@nestjs/common';
import type { TransactionalWrite } from '#libs/audit';
import { type AssignmentSelection, AssignmentStore } from './store/assignment-store.js';

/**
 * Revokes the tokens that were exchanged under many assignments: ACS revokes them with the assignment, so
 * that each is deleted and made again. The recovery worker asks ACS, at bulk priority.
 */
@Injectable()
export class AssignmentRenewal {
  constructor(private readonly store: AssignmentStore) {}

  /** The assignments that `begin` would renew now, by ACS resource. */
  async count(selection: AssignmentSelection): Promise<ReadonlyMap<string, number>> {
    return this.store.count(selection, ['pending', 'active', 'renewing']);
  }

  /** Renews the assignments: from its commit, nobody gets a token under them until they are `active` again. */
  begin(selection: AssignmentSelection): TransactionalWrite {
    return this.store.renew(selection);
  }

  /** The assignments whose old tokens ACS may still accept, by ACS resource. */
  async remaining(selection: AssignmentSelection): Promise<ReadonlyMap<string, number>> {
    return this.store.count(selection, ['renewing', 'deleting']);
  }
}
