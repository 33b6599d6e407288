import { Injectable } from '@nestjs/common';
import { AuditTrail, auditActorOf, recordedExport } from '#libs/audit';
import type { CallContext, Guid } from '#libs/platform';
import type { Assignment } from '../assignment.js';
import { AssignmentStore } from '../store/assignment-store.js';
import type { EXPORTED_STATUSES } from './assignment-line.js';

/** Assignments that one export holds in memory. */
const PAGE_SIZE = 200;

/** One line of an export, which an import accepts. */
export interface AssignmentExportLine {
  readonly tenantId: string;
  readonly objectId: string;
  readonly principalType: Assignment['principalType'];
  readonly clientIds: readonly string[];
  readonly resource: string;
  readonly status: (typeof EXPORTED_STATUSES)[number];
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Exports assignments, in constant memory. */
@Injectable()
export class AssignmentExport {
  constructor(
    private readonly store: AssignmentStore,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Records the export, then yields a line for each assignment that is neither deleted nor to be deleted.
   * One that a mass revocation renews is `pending`, which it becomes before it is `active` again.
   * One that is created or changed during the export is in it with its old or its new state, or not at all.
   *
   * @param tenant `undefined`: every tenant, for operators
   * @throws AuditUnavailable before the first line
   */
  async run(
    tenant: Guid | undefined,
    context: CallContext,
  ): Promise<AsyncGenerator<AssignmentExportLine>> {
    const isAll = tenant === undefined;
    const event = {
      ...auditActorOf(context),
      action: 'teams-phone.export',
      outcome: 'success',
      target: isAll ? {} : { tenant },
      details: { ...(isAll && { tenants: 'all' }) },
    } as const;
    return recordedExport(this.audit, event, this.#lines(tenant));
  }

  async *#lines(tenant: Guid | undefined): AsyncGenerator<AssignmentExportLine> {
    let after: string | undefined;
    for (;;) {
      const page = await this.store.search({ tenant, after, limit: PAGE_SIZE });
      for (const assignment of page) {
        const { status } = assignment;
        if (status === 'deleting' || status === 'deleted') continue;
        yield toLine(assignment, status === 'renewing' ? 'pending' : status);
      }
      after = page.at(-1)?.id;
      if (page.length < PAGE_SIZE) return;
    }
  }
}

function toLine(
  assignment: Assignment,
  status: AssignmentExportLine['status'],
): AssignmentExportLine {
  const { tenant, objectId, principalType, clientIds, resource, version } = assignment;
  return {
    ...{ tenantId: tenant, objectId, principalType, clientIds, resource, status, version },
    createdAt: assignment.createdAt.toISOString(),
    updatedAt: assignment.updatedAt.toISOString(),
  };
}
