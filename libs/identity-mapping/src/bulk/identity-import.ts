import { Injectable } from '@nestjs/common';
import { type AuditEvent, AuditTrail, recordedImport } from '#libs/audit';
import { CommunicationResources } from '#libs/communication-services';
import {
  type CallContext,
  type CanonicalName,
  Clock,
  type CommunicationUserId,
  type LineFault,
  readBatches,
  ServiceError,
  StorageUnavailable,
  type StreamLimits,
} from '#libs/platform';
import { IdentityKindConflict, IdentityLinkConflict, MappingChanged } from '../errors.js';
import { IdentityLinking } from '../lifecycle/identity-linking.js';
import { IdentityMap } from '../store/identity-map.js';
import {
  auditTargetOf,
  isProvisioned,
  type Mapping,
  newMapping,
  type TenantSubject,
} from '../model/mapping.js';
import { auditActorOf } from '../lifecycle/call-context.js';
import {
  failure,
  type ImportItem,
  type LineResult,
  readImportLine,
  success,
} from './import-line.js';
import { IdentityProvisioning } from './identity-provisioning.js';

export interface ImportRequest extends CallContext {
  /** Newline-delimited JSON. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** The tenant of lines without one; `undefined`: they fail. */
  readonly tenant: CanonicalName | undefined;
  /** Whether lines may be of other tenants; for operators. Default: false. */
  readonly isAnyTenant?: boolean;
  /** Whether identities are created at ACS for lines without one. */
  readonly isProvisioning: boolean;
  /** Ends the import after the batch in progress; the summary then says that it is not complete. */
  readonly stopSignal?: AbortSignal;
  /** Default: none, for operators' files. A longer stream ends with a failed line, incomplete. */
  readonly limits?: StreamLimits;
}

/** The counts of an import. */
export interface ImportSummary {
  readonly lines: number;
  readonly created: number;
  readonly unchanged: number;
  readonly failed: number;
  /** `false`: an outage, a limit or a shutdown ended the import early; import the whole file again, or in parts. */
  readonly isComplete: boolean;
}

/** Lines that are committed together. */
const BATCH_LINES = 200;

/**
 * Imports application identities line by line, in constant memory. A faulty line fails alone; an
 * outage ends the import. Safe to repeat: mappings that exist stay unchanged.
 */
@Injectable()
export class IdentityImport {
  constructor(
    private readonly map: IdentityMap,
    private readonly linking: IdentityLinking,
    private readonly provisioning: IdentityProvisioning,
    private readonly resources: CommunicationResources,
    private readonly audit: AuditTrail,
    private readonly clock: Clock,
  ) {}

  /**
   * Records the start of the import, then yields a result for each line, batch by batch, and returns
   * the summary, whose counts are recorded as the end of the import. The import stops when the consumer
   * stops reading.
   *
   * @throws AuditUnavailable before the first line
   */
  async run(request: ImportRequest): Promise<AsyncGenerator<LineResult, ImportSummary>> {
    const { chunks, tenant, isAnyTenant = false, isProvisioning, stopSignal, limits } = request;
    return recordedImport<ImportItem | LineFault, LineResult>(this.audit, {
      event: {
        ...auditActorOf(request),
        action: 'identity.import',
        outcome: 'success',
        target: tenant === undefined ? {} : { tenant },
        details: { isProvisioning },
      },
      batches: readBatches(chunks, { batchLines: BATCH_LINES, stopSignal, limits }, (line) =>
        readImportLine(line, { tenant, isAnyTenant }),
      ),
      counts: { lines: 0, created: 0, unchanged: 0, failed: 0 },
      stopSignal,
      importBatch: async (batch) => this.#importBatch(batch, request),
      tooLarge: failure,
    });
  }

  async #importBatch(
    batch: readonly (ImportItem | LineFault)[],
    request: ImportRequest,
  ): Promise<{ readonly results: readonly LineResult[]; readonly isComplete: boolean }> {
    const results = new Map<number, LineResult>();
    let isComplete = true;
    const items: ImportItem[] = [];
    for (const item of batch) {
      if ('code' in item) results.set(item.number, failure(item.number, item));
      else items.push(item);
    }
    try {
      for (const [number, mapping] of await this.#storeNew(items, request)) {
        results.set(number, success(number, mapping, 'created'));
      }
      const others = items.filter(({ number }) => !results.has(number));
      for (const item of others) results.set(item.number, await this.#storeOne(item, request));
      if (request.isProvisioning) isComplete = await this.provisioning.run(items, results, request);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      isComplete = !(error instanceof StorageUnavailable);
      for (const { number } of items) {
        if (!results.has(number)) results.set(number, failure(number, error));
      }
    }
    return { results: batch.flatMap(({ number }) => results.get(number) ?? []), isComplete };
  }

  /** Stores the lines without any conflict in one commit. @returns their mappings by line number */
  async #storeNew(
    items: readonly ImportItem[],
    context: CallContext,
  ): Promise<ReadonlyMap<number, Mapping>> {
    const ids = items.flatMap(({ communicationUserId = [] }) => communicationUserId);
    const stored = [
      ...(await this.map.findBySubjects(items)),
      ...(await this.map.findByCommunicationUserIds(ids)),
    ];
    const taken = new Set(stored.flatMap(uniqueKeysOf));
    const mappings = new Map<number, Mapping>();
    for (const item of items) {
      const resource = this.#resourceOf(item);
      const keys = uniqueKeysOf(item);
      if (resource === undefined || keys.some((key) => taken.has(key))) continue;
      const { communicationUserId: linked } = item;
      if (linked !== undefined && !this.linking.mayLink(item, linked, context)) continue;
      for (const key of keys) taken.add(key);
      mappings.set(item.number, this.#newMapping(item, resource));
    }
    if (mappings.size === 0) return mappings;
    const added = [...mappings.values()];
    try {
      await this.audit.recordAll(
        added.map((mapping) => importEvent(mapping, context)),
        this.map.add(added),
      );
      return mappings;
    } catch (error) {
      if (error instanceof MappingChanged) return new Map();
      throw error;
    }
  }

  async #storeOne(item: ImportItem, context: CallContext): Promise<LineResult> {
    const { number, communicationUserId } = item;
    try {
      const { mapping, isNew } =
        communicationUserId === undefined
          ? await this.#addPending(item, context)
          : item.isSuspended
            ? await this.linking.recordingRefusal(item, context, async () =>
                this.#linkSuspended(item, communicationUserId, context),
              )
            : await this.linking.createOrGet(item, context);
      return success(number, mapping, isNew ? 'created' : 'unchanged');
    } catch (error) {
      if (!(error instanceof ServiceError) || error instanceof StorageUnavailable) throw error;
      return failure(number, error);
    }
  }

  /** Stores an application identity whose communication identity is created later. */
  async #addPending(
    item: ImportItem,
    context: CallContext,
  ): Promise<{ mapping: Mapping; isNew: boolean }> {
    const { name: resource } = this.resources.forTenant(item.tenant);
    for (;;) {
      const known = await this.map.find(item);
      if (known && known.kind !== item.kind) throw new IdentityKindConflict();
      if (known) return { mapping: known, isNew: false };
      const mapping = this.#newMapping(item, resource);
      try {
        await this.audit.record(importEvent(mapping, context), this.map.add([mapping]));
        return { mapping, isNew: true };
      } catch (error) {
        if (!(error instanceof MappingChanged)) throw error;
      }
    }
  }

  /** Links as `IdentityLinking` does, but the mapping is suspended from its first version on. */
  async #linkSuspended(
    item: ImportItem,
    communicationUserId: CommunicationUserId,
    context: CallContext,
  ): Promise<{ mapping: Mapping; isNew: boolean }> {
    const [known] = await this.map.findByCommunicationUserIds([communicationUserId]);
    if (known && subjectKeyOf(known) === subjectKeyOf(item)) {
      return { mapping: known, isNew: false };
    }
    const resource = this.linking.requireMayLink(item, communicationUserId, context);
    if (known) throw this.linking.conflictWith(known, item.tenant, context);
    if (await this.map.find(item)) throw new IdentityLinkConflict();
    const mapping = this.#newMapping(item, resource);
    try {
      await this.audit.record(importEvent(mapping, context), this.map.add([mapping]));
      return { mapping, isNew: true };
    } catch (error) {
      throw error instanceof MappingChanged ? new IdentityLinkConflict() : error;
    }
  }

  #resourceOf({ tenant, communicationUserId }: ImportItem): string | undefined {
    return communicationUserId === undefined
      ? this.resources.forTenant(tenant).name
      : this.resources.ofCommunicationUserId(communicationUserId)?.name;
  }

  #newMapping(item: ImportItem, resource: string): Mapping {
    const { tenant, subject, kind, displayName, communicationUserId, isSuspended } = item;
    const linkedStatus = isSuspended ? 'suspended' : 'active';
    return newMapping(
      {
        ...{ tenant, subject, kind, displayName, communicationUserId, resource },
        status: communicationUserId === undefined ? 'pending' : linkedStatus,
        // The identity may have valid tokens that this service has not issued.
        isRevoking: isSuspended,
      },
      this.clock.now(),
    );
  }
}

function importEvent(mapping: Mapping, context: CallContext): AuditEvent {
  return {
    ...auditActorOf(context),
    action: isProvisioned(mapping) ? 'identity.link' : 'identity.import',
    outcome: 'success',
    target: auditTargetOf(mapping),
    ...(mapping.displayName !== undefined && { displayName: mapping.displayName }),
    details: { via: 'import', status: mapping.status },
  };
}

function subjectKeyOf({ tenant, subject }: TenantSubject): string {
  return JSON.stringify([tenant, subject]);
}

/** What no two lines of a commit may share. */
function uniqueKeysOf(
  one: TenantSubject & { readonly communicationUserId?: string | undefined },
): string[] {
  const { communicationUserId } = one;
  return communicationUserId === undefined
    ? [subjectKeyOf(one)]
    : [subjectKeyOf(one), communicationUserId];
}
