import { Injectable } from '@nestjs/common';
import { together, type TransactionalWrite } from '#libs/audit';
import type { AssignmentHolder } from '#libs/communication-services';
import { isCanonicalGuid, Logger } from '#libs/platform';
import { AssignmentCalls } from './lifecycle/assignment-calls.js';
import { AssignmentStore } from './store/assignment-store.js';

/** Whose tokens are revoked. Only people whom Entra knows by GUIDs have assignments. */
export interface TokenHolder {
  readonly tenant: string;
  readonly subject: string;
}

/**
 * Revokes the tokens that were exchanged under the assignment of one person: ACS revokes them with the
 * assignment, so that it is deleted and made again.
 */
@Injectable()
export class PersonRenewal {
  constructor(
    private readonly store: AssignmentStore,
    private readonly calls: AssignmentCalls,
    private readonly logger: Logger,
  ) {}

  /** @returns whether the person has an assignment, and with it perhaps tokens */
  async isNeeded(person: TokenHolder): Promise<boolean> {
    const holder = holderOf(person);
    const known = holder && (await this.store.find(holder));
    return known !== undefined && known.status !== 'deleted';
  }

  /**
   * The renewal of the assignment, if the person has one, in the commit of `write`: from then on, nobody gets
   * a token under it until it is `active` again.
   */
  joinedTo(person: TokenHolder, write?: TransactionalWrite): TransactionalWrite | undefined {
    const holder = holderOf(person);
    return holder ? together([...(write ? [write] : []), this.store.renew(holder)]) : write;
  }

  /** Calls ACS once; the recovery worker repeats what it does not confirm. Never rejects. */
  async carryOut(person: TokenHolder): Promise<void> {
    const holder = holderOf(person);
    if (!holder) return;
    try {
      const known = await this.store.find(holder);
      if (known?.status === 'renewing') await this.calls.carryOut(known.id);
    } catch (error) {
      this.logger.warn({ error }, 'the renewal of an assignment is left to the recovery worker');
    }
  }
}

function holderOf({ tenant, subject }: TokenHolder): AssignmentHolder | undefined {
  if (!isCanonicalGuid(tenant) || !isCanonicalGuid(subject)) return undefined;
  return { tenant, objectId: subject };
}
