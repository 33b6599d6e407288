import { Injectable } from '@nestjs/common';
import { AuditTrail, recordedExport } from '#libs/audit';
import type { CallContext, CanonicalName } from '#libs/platform';
import { IdentityMap } from '../store/identity-map.js';
import type { Mapping } from '../model/mapping.js';
import { auditActorOf } from '../lifecycle/call-context.js';

/** Mappings that one export holds in memory. */
const PAGE_SIZE = 200;

/** One line of an export, which an import accepts. */
export interface ExportLine {
  readonly id: string;
  readonly tenant: string;
  readonly subject: string;
  readonly kind: Mapping['kind'];
  readonly status: Mapping['status'];
  readonly resource: string;
  readonly communicationUserId?: string;
  readonly displayName?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Exports mappings, in constant memory. */
@Injectable()
export class IdentityExport {
  constructor(
    private readonly map: IdentityMap,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Records the export, then yields a line for each mapping that is neither deleted nor a visitor's:
   * visitors come by an invitation only, so that an import refuses them. A mapping that is created or
   * changed during the export is in it with its old or its new state, or not at all.
   *
   * @param tenant `undefined`: every tenant, for operators
   * @throws AuditUnavailable before the first line
   */
  async run(
    tenant: CanonicalName | undefined,
    context: CallContext,
  ): Promise<AsyncGenerator<ExportLine>> {
    const isAll = tenant === undefined;
    const event = {
      ...auditActorOf(context),
      action: 'identity.export',
      outcome: 'success',
      target: isAll ? {} : { tenant },
      details: { status: 'all but deleted', ...(isAll && { tenants: 'all' }) },
    } as const;
    return recordedExport(this.audit, event, this.#lines(tenant));
  }

  async *#lines(tenant: CanonicalName | undefined): AsyncGenerator<ExportLine> {
    let after: string | undefined;
    for (;;) {
      const page = await this.map.search({ tenant, after, limit: PAGE_SIZE });
      for (const mapping of page) if (mapping.kind !== 'visitor') yield toLine(mapping);
      after = page.at(-1)?.id;
      if (page.length < PAGE_SIZE) return;
    }
  }
}

function toLine(mapping: Mapping): ExportLine {
  const { id, tenant, subject, kind, status, resource, communicationUserId, displayName } = mapping;
  return {
    id,
    tenant,
    subject,
    kind,
    status,
    resource,
    ...(communicationUserId !== undefined && { communicationUserId }),
    ...(displayName !== undefined && { displayName }),
    createdAt: mapping.createdAt.toISOString(),
    updatedAt: mapping.updatedAt.toISOString(),
  };
}
