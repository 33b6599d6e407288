import { Injectable } from '@nestjs/common';
import { type AuditEvent, AuditTrail } from '#libs/audit';
import { CommunicationResources, ResourceNotConfigured } from '#libs/communication-services';
import { Clock, ServiceError } from '#libs/platform';
import { IdentityKindConflict, IdentityLinkConflict, MappingChanged } from '../errors.js';
import { IdentityLinking } from '../lifecycle/identity-linking.js';
import { IdentityMap } from '../store/identity-map.js';
import { isEstablished, type Mapping, auditTargetOf } from '../model/mapping.js';
import { newMapping } from '../model/new-mapping.js';
import { type CallContext, auditActorOf } from '../lifecycle/call-context.js';
import { type ImportItem, type LineFault, readImportLine } from './import-line.js';
import { IdentityProvisioning } from './identity-provisioning.js';
import { failure, isOutage, type LineResult, success } from './line-result.js';
import { readLines } from './line-reader.js';

export interface ImportRequest {
  /** Newline-delimited JSON. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** For lines that name none. */
  readonly tenant: string;
  /** Whether lines may name other tenants: an operator's may. */
  readonly isAnyTenant?: boolean;
  /** Whether identities are created at ACS for lines without one. */
  readonly isProvisioning: boolean;
  readonly who: CallContext;
}

/** The last word of an import. */
export interface ImportSummary {
  readonly lines: number;
  readonly created: number;
  readonly unchanged: number;
  readonly failed: number;
  /** `false`: an outage ended the import early; import the whole file again. */
  readonly isComplete: boolean;
}

/** Lines that are read, decided and committed together. */
const BATCH = 200;

/**
 * Imports application identities, line by line, in constant memory. A faulty line fails alone; an
 * outage ends the import. Safe to repeat: what is there already stays as it is.
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
   * Records that an import begins, then gives a result for each line, a batch after the other, and
   * returns the summary. Whoever stops reading stops the import.
   *
   * @throws AuditUnavailable before the first line
   */
  async run(asked: ImportRequest): Promise<AsyncGenerator<LineResult, ImportSummary>> {
    await this.audit.record(stageOf(asked, { stage: 'begun' }));
    return this.#results(asked);
  }

  async *#results(asked: ImportRequest): AsyncGenerator<LineResult, ImportSummary> {
    const counts = { lines: 0, created: 0, unchanged: 0, failed: 0, isComplete: true };
    for await (const batch of this.#batches(asked)) {
      const results = await this.#take(batch, asked);
      for (const result of results) {
        counts.lines += 1;
        counts[result.outcome] += 1;
        if (result.error && isOutage(result.error)) counts.isComplete = false;
      }
      yield* results;
      if (!counts.isComplete) return counts;
    }
    await this.audit.record(stageOf(asked, { stage: 'ended', ...counts }));
    return counts;
  }

  async *#batches({
    chunks,
    tenant,
    isAnyTenant = false,
  }: ImportRequest): AsyncGenerator<(ImportItem | LineFault)[]> {
    let batch: (ImportItem | LineFault)[] = [];
    for await (const line of readLines(chunks)) {
      batch.push(readImportLine(line, { tenant, isAnyTenant }));
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  async #take(
    batch: readonly (ImportItem | LineFault)[],
    asked: ImportRequest,
  ): Promise<readonly LineResult[]> {
    const results = new Map<number, LineResult>();
    const items: ImportItem[] = [];
    for (const item of batch) {
      if ('code' in item) results.set(item.number, failure(item.number, item));
      else items.push(item);
    }
    try {
      for (const [number, mapping] of await this.#storeFresh(items, asked.who)) {
        results.set(number, success(number, mapping, 'created'));
      }
      const rest = items.filter(({ number }) => !results.has(number));
      for (const item of rest) results.set(item.number, await this.#storeOne(item, asked.who));
      if (asked.isProvisioning) await this.provisioning.run(items, results, asked.who);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      for (const { number } of items) {
        if (!results.has(number)) results.set(number, failure(number, error));
      }
    }
    return batch.flatMap(({ number }) => results.get(number) ?? []);
  }

  /** Stores what is surely new in one commit. What anything contradicts is left to be done one by one. */
  async #storeFresh(
    items: readonly ImportItem[],
    who: CallContext,
  ): Promise<ReadonlyMap<number, Mapping>> {
    const known = await this.map.findBySubjects(items);
    const ids = items.flatMap(({ communicationUserId = [] }) => communicationUserId);
    const holders = await this.map.findByCommunicationUserIds(ids);
    const taken = new Set([
      ...known.map(personOf),
      ...holders.map(({ communicationUserId }) => communicationUserId),
    ]);
    const fresh = new Map<number, Mapping>();
    for (const item of items) {
      const resource = this.#resourceOf(item);
      const { communicationUserId } = item;
      const isTaken =
        taken.has(personOf(item)) || (communicationUserId && taken.has(communicationUserId));
      if (resource === undefined || isTaken) continue;
      taken.add(personOf(item)).add(communicationUserId);
      const mapping = this.#newMapping(item, resource);
      fresh.set(item.number, mapping);
    }
    if (fresh.size === 0) return fresh;
    const mappings = [...fresh.values()];
    try {
      await this.audit.recordAll(
        mappings.map((mapping) => importOf(mapping, who)),
        this.map.add(mappings),
      );
      return fresh;
    } catch (error) {
      if (error instanceof MappingChanged) return new Map();
      throw error;
    }
  }

  async #storeOne(item: ImportItem, who: CallContext): Promise<LineResult> {
    const { number, communicationUserId } = item;
    try {
      const { mapping, isNew } =
        communicationUserId === undefined
          ? await this.#register(item, who)
          : item.isSuspended
            ? await this.#linkSuspended(item, communicationUserId, who)
            : await this.linking.createOrGet(item, who);
      return success(number, mapping, isNew ? 'created' : 'unchanged');
    } catch (error) {
      if (!(error instanceof ServiceError) || isOutage(error)) throw error;
      return failure(number, error);
    }
  }

  /** Keeps an application identity whose communication identity is created later. */
  async #register(
    item: ImportItem,
    who: CallContext,
  ): Promise<{ mapping: Mapping; isNew: boolean }> {
    const { name: resource } = this.resources.forTenant(item.tenant);
    for (;;) {
      const known = await this.map.find(item, resource);
      if (known && known.kind !== item.kind) throw new IdentityKindConflict();
      if (known) return { mapping: known, isNew: false };
      const mapping = this.#newMapping(item, resource);
      try {
        await this.audit.record(importOf(mapping, who), this.map.add([mapping]));
        return { mapping, isNew: true };
      } catch (error) {
        if (!(error instanceof MappingChanged)) throw error;
      }
    }
  }

  /** Links as `IdentityLinking` does, but never by way of an active mapping. */
  async #linkSuspended(
    item: ImportItem,
    communicationUserId: string,
    who: CallContext,
  ): Promise<{ mapping: Mapping; isNew: boolean }> {
    const resource = this.#resourceOf(item);
    if (resource === undefined) throw new ResourceNotConfigured(communicationUserId);
    const [holder] = await this.map.findByCommunicationUserIds([communicationUserId]);
    if (holder && personOf(holder) === personOf(item)) return { mapping: holder, isNew: false };
    const mapping = this.#newMapping(item, resource);
    try {
      await this.audit.record(importOf(mapping, who), this.map.add([mapping]));
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
    const linked = isSuspended ? 'suspended' : 'active';
    const status = communicationUserId === undefined ? 'pending' : linked;
    const described = { tenant, subject, kind, displayName, communicationUserId };
    // Nobody knows which tokens a suspended identity still has out there.
    return newMapping(
      { ...described, resource, status, isRevoking: isSuspended },
      this.clock.now(),
    );
  }
}

function stageOf(
  { tenant, isProvisioning, who }: ImportRequest,
  details: NonNullable<AuditEvent['details']>,
): AuditEvent {
  return {
    ...auditActorOf(who),
    action: 'identity.import',
    outcome: 'success',
    target: { tenant },
    details: { ...details, isProvisioning },
  };
}

function importOf(mapping: Mapping, who: CallContext): AuditEvent {
  return {
    ...auditActorOf(who),
    action: isEstablished(mapping) ? 'identity.link' : 'identity.import',
    outcome: 'success',
    target: auditTargetOf(mapping),
    ...(mapping.displayName !== undefined && { displayName: mapping.displayName }),
    details: { via: 'import', status: mapping.status },
  };
}

function personOf({ tenant, subject }: { tenant: string; subject: string }): string {
  return JSON.stringify([tenant, subject]);
}
