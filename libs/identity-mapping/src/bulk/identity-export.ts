import { Injectable } from '@nestjs/common';
import { type AuditEvent, AuditTrail } from '#libs/audit';
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
   * Records the export, then yields a line for each mapping that is not deleted. A mapping that is
   * created or changed during the export is in it with its old or its new state, or not at all.
   *
   * @param tenant `undefined`: every tenant, for operators
   * @throws AuditUnavailable before the first line
   */
  async run(
    tenant: CanonicalName | undefined,
    context: CallContext,
  ): Promise<AsyncGenerator<ExportLine>> {
    await this.#record(tenant, context, { stage: 'begun', status: 'all but deleted' });
    return this.#countedLines(tenant, context);
  }

  /** Records how many mappings were exported, before the export ends; also when its reader has gone. */
  async *#countedLines(
    tenant: CanonicalName | undefined,
    context: CallContext,
  ): AsyncGenerator<ExportLine> {
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
    tenant: CanonicalName | undefined,
    context: CallContext,
    details: NonNullable<AuditEvent['details']>,
  ): Promise<void> {
    await this.audit.record({
      ...auditActorOf(context),
      action: 'identity.export',
      outcome: 'success',
      target: tenant === undefined ? {} : { tenant },
      details: { ...details, ...(tenant === undefined && { tenants: 'all' }) },
    });
  }

  async *#lines(tenant: CanonicalName | undefined): AsyncGenerator<ExportLine> {
    let after: string | undefined;
    for (;;) {
      const page = await this.map.search({ tenant, after, limit: PAGE_SIZE });
      for (const mapping of page) yield toLine(mapping);
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
