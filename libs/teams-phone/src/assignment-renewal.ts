import { Injectable } from '@nestjs/common';
import { type AssignmentSelection, AssignmentStore } from './store/assignment-store.js';

/**
 * Revokes the tokens that were exchanged under many assignments: ACS revokes them with the assignment, so
 * that each is deleted and made again. From the commit of the row that starts a mass revocation, nobody gets a
 * token under them until they are `active` again. The recovery worker asks ACS, at bulk priority.
 */
@Injectable()
export class AssignmentRenewal {
  constructor(private readonly store: AssignmentStore) {}

  /** The assignments that a mass revocation would renew now, by ACS resource. */
  async count(selection: AssignmentSelection): Promise<ReadonlyMap<string, number>> {
    return this.store.countRenewable(selection);
  }

  /**
   * The assignments whose old tokens ACS may still accept, by ACS resource.
   *
   * @param revocation the number of the mass revocation
   */
  async remaining(
    selection: AssignmentSelection,
    revocation: number,
  ): Promise<ReadonlyMap<string, number>> {
    return this.store.countLeft(selection, revocation);
  }
}
