import { Injectable } from '@nestjs/common';
import { type AuditEvent, AuditTrail, auditActorOf } from '#libs/audit';
import type { CallContext, Guid } from '#libs/platform';
import type { Assignment } from '../assignment.js';
import { AssignmentStore } from '../store/assignment-store.js';

/** Assignments that one export holds in memory. */
const PAGE_SIZE = 200;

/** One line of an export, which an import accepts. */
export interface AssignmentExportLine {
  readonly tenantId: string;
  readonly objectId: string;
  readonly principalType: Assignment['principalType'];
  readonly clientIds: readonly string[];
  readonly resource: string;
  readonly status: Assignment['status'];
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
   * One that is created or changed during the export is in it with its old or its new state, or not at all.
   *
   * @param tenant `undefined`: every tenant, for operators
   * @throws AuditUnavailable before the first line
   */
  async run(
    tenant: Guid | undefined,
    context: CallContext,
  ): Promise<AsyncGenerator<AssignmentExportLine>> {
    await this.#record(tenant, context, { stage: 'begun' });
    return this.#countedLines(tenant, context);
  }

  /** Records how many were exported, before the export ends; also when its reader has gone. */
  async *#countedLines(
    tenant: Guid | undefined,
    context: CallContext,
  ): AsyncGenerator<AssignmentExportLine> {
    let exported = 0;
    let isComplete = false;
    try {
      for await (const line of this.#lines(tenant)) {
        exported += 1;
        yield line;
      }
      isComplete = true;
    } finally {
      await this.#record(tenant, context, { stage: 'ended', exported, isComplete });
    }
  }

  async #record(
    tenant: Guid | undefined,
    context: CallContext,
    details: NonNullable<AuditEvent['details']>,
  ): Promise<void> {
    await this.audit.record({
      ...auditActorOf(context),
      action: 'teams-phone.export',
      outcome: 'success',
      target: tenant === undefined ? {} : { tenant },
      details: { ...details, ...(tenant === undefined && { tenants: 'all' }) },
    });
  }

  async *#lines(tenant: Guid | undefined): AsyncGenerator<AssignmentExportLine> {
    let after: string | undefined;
    for (;;) {
      const page = await this.store.search({ tenant, after, limit: PAGE_SIZE });
      for (const assignment of page) {
        if (assignment.status !== 'deleting') yield toLine(assignment);
      }
      after = page.at(-1)?.id;
      if (page.length < PAGE_SIZE) return;
    }
  }
}

function toLine(assignment: Assignment): AssignmentExportLine {
  const { tenant, objectId, principalType, clientIds, resource, status, version } = assignment;
  return {
    ...{ tenantId: tenant, objectId, principalType, clientIds, resource, status, version },
    createdAt: assignment.createdAt.toISOString(),
    updatedAt: assignment.updatedAt.toISOString(),
  };
}
