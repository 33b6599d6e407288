import { Inject, Injectable } from '@nestjs/common';
import { type CallContext, type CanonicalName, isPrincipal } from '#libs/platform';
import type { AuditAction, AuditEvent, AuditOutcome } from '../trail/audit-event.js';
import { AuditEntryNotFound, AuditScopeExceeded } from '../errors.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { type AuditReceipt, AuditTrail } from '../trail/audit-trail.js';
import { EntryExport, type ExportChunk } from '../export/entry-export.js';
import { EntryRepository } from './entry-repository.js';
import { type EntryPage, type EntryQuery, EntrySearch } from './entry-search.js';
import { EntryStatistics, type StatisticCount, type StatisticsQuery } from './entry-statistics.js';
import type { ExportFormat } from '../export/export-formats.js';
import { LogReader } from '../log/log-reader.js';
import type { SignedHead } from '../postgres/log-queries.js';
import { type ErasureRequest, PersonalDataEraser } from './personal-data-eraser.js';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import { type TokenTrace, TokenTracer } from './token-tracer.js';

/**
 * Lets auditors search, export, trace and erase. Every read is recorded before anything is returned, with
 * its parameters, but without tokens. A trace is recorded with its result, other reads without.
 *
 * Auditors of the home tenant, and operators, see the whole log. Other auditors see the entries whose
 * actor or target is of their tenant; all others are not found for them.
 */
@Injectable()
export class AuditLogService {
  constructor(
    private readonly trail: AuditTrail,
    private readonly entries: EntryRepository,
    private readonly entrySearch: EntrySearch,
    private readonly entryStatistics: EntryStatistics,
    private readonly entryExport: EntryExport,
    private readonly log: LogReader,
    private readonly tracer: TokenTracer,
    private readonly eraser: PersonalDataEraser,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {}

  /** A page of entries, newest first. */
  async search(reader: CallContext, query: Omit<EntryQuery, 'scopeTenant'>): Promise<EntryPage> {
    await this.#record(reader, {
      action: 'audit.read',
      details: { route: 'entries', ...asDetails(query) },
    });
    return this.entrySearch.find({ ...query, scopeTenant: this.#scopeTenant(reader) });
  }

  /** An entry by its id. @throws AuditEntryNotFound also for an entry of another tenant */
  async entry(reader: CallContext, id: string): Promise<AuditEntryRecord> {
    await this.#record(reader, { action: 'audit.read', details: { route: 'entry', id } });
    return this.#visibleEntry(reader, id);
  }

  /** The entry's `.tlog-proof` file. @throws AuditEntryNotFound also for an entry of another tenant */
  async proof(reader: CallContext, id: string): Promise<string> {
    await this.#record(reader, { action: 'audit.read', details: { route: 'proof', id } });
    const { index } = await this.#visibleEntry(reader, id);
    return this.log.proofFile(index);
  }

  /** Counts of entries. @throws AuditScopeExceeded for auditors of another tenant */
  async statistics(reader: CallContext, query: StatisticsQuery): Promise<StatisticCount[]> {
    const details = { route: 'statistics', ...asDetails(query) };
    await this.#requireWholeLog(reader, 'audit.read', details);
    await this.#record(reader, { action: 'audit.read', details });
    return this.entryStatistics.count(query);
  }

  /** Entries in an export format. Recorded when the first chunk is requested. */
  async *export(
    reader: CallContext,
    query: { readonly format: ExportFormat; readonly fromIndex: number },
  ): AsyncGenerator<ExportChunk, undefined> {
    await this.#record(reader, { action: 'audit.export', details: asDetails(query) });
    yield* this.entryExport.stream({ ...query, scopeTenant: this.#scopeTenant(reader) });
    return undefined;
  }

  /** The newest checkpoint. Not recorded. @throws AuditScopeExceeded for auditors of another tenant */
  async checkpoint(reader: CallContext): Promise<SignedHead> {
    await this.#requireWholeLog(reader, 'audit.read', { route: 'checkpoint' });
    return this.log.checkpoint();
  }

  /**
   * A tile or an entry bundle. Only bundles are recorded, because tiles hold hashes only.
   *
   * @throws AuditScopeExceeded for auditors of another tenant
   */
  async resource(reader: CallContext, path: string): Promise<Buffer> {
    await this.#requireWholeLog(reader, 'audit.read', { route: path });
    if (path.startsWith('tile/entries/'))
      await this.#record(reader, { action: 'audit.read', details: { route: path } });
    return this.log.resource(path);
  }

  /** The entries of a token. @throws AuditScopeExceeded for auditors of another tenant */
  async trace(
    reader: CallContext,
    by: { readonly token: string } | { readonly fingerprint: string },
  ): Promise<TokenTrace> {
    const details: NonNullable<AuditEvent['details']> =
      'token' in by ? { by: 'token' } : { by: 'fingerprint', fingerprint: by.fingerprint };
    await this.#requireWholeLog(reader, 'audit.trace', details);
    const { fingerprints, ...trace } =
      'token' in by
        ? await this.tracer.byToken(by.token)
        : await this.tracer.byFingerprint(by.fingerprint);
    await this.#record(reader, {
      action: 'audit.trace',
      ...resultOf(trace),
      details: { ...details, ...resultDetails(trace, fingerprints) },
    });
    return trace;
  }

  /**
   * Erases a person's personal values.
   *
   * @throws AuditScopeExceeded for auditors of another tenant
   * @throws PersonNotInLog
   */
  async erase(
    reader: CallContext,
    person: Pick<ErasureRequest, 'tenant' | 'subject' | 'reason'>,
  ): Promise<{ readonly receipt: AuditReceipt; readonly rows: number }> {
    await this.#requireWholeLog(reader, 'audit.erase', {});
    return this.eraser.erase({ ...person, ...reader });
  }

  async #visibleEntry(reader: CallContext, id: string): Promise<AuditEntryRecord> {
    const found = await this.entries.byId(id);
    const tenant = this.#scopeTenant(reader);
    const { actor, target } = found?.entry ?? {};
    const isVisible = tenant === undefined || [actor?.tenant, target?.tenant].includes(tenant);
    if (!found || !isVisible) throw new AuditEntryNotFound();
    return found;
  }

  /** Rejects, and records, requests of auditors who may see the entries of their tenant only. */
  async #requireWholeLog(
    reader: CallContext,
    action: AuditAction,
    details: NonNullable<AuditEvent['details']>,
  ): Promise<void> {
    if (this.#scopeTenant(reader) === undefined) return;
    const refusal = new AuditScopeExceeded();
    await this.#record(reader, { action, details, reason: { code: refusal.code } }, 'denied');
    throw refusal;
  }

  /** The tenant whose entries the reader may see; `undefined` for the whole log. */
  #scopeTenant({ actor }: CallContext): CanonicalName | undefined {
    if (actor.kind === 'operator') return undefined;
    if (!isPrincipal(actor)) throw new AuditScopeExceeded();
    return actor.tenant === this.settings.homeTenant ? undefined : actor.tenant;
  }

  async #record(
    { actor, request }: CallContext,
    event: Pick<AuditEvent, 'action' | 'details' | 'reason' | 'target'>,
    outcome: AuditOutcome = 'success',
  ): Promise<void> {
    await this.trail.record({ ...event, outcome, actor, ...(request && { request }) });
  }
}

/** Whose token a trace has found. */
function resultOf({ entries: [first] }: TokenTrace): Pick<AuditEvent, 'target'> {
  return first?.entry.target ? { target: first.entry.target } : {};
}

/** Which token a trace was for, and what it found. */
function resultDetails(
  { entries, liveSiblings, untriedKeys }: TokenTrace,
  fingerprints: readonly string[],
): NonNullable<AuditEvent['details']> {
  const fingerprint = entries[0]?.entry.token?.fingerprint ?? fingerprints[0];
  return {
    ...(fingerprint !== undefined && { fingerprint }),
    found: entries.length,
    ...(entries[0] && { firstEntry: entries[0].entry.id }),
    liveSiblings: liveSiblings.length,
    ...(untriedKeys.length > 0 && { untriedKeys }),
  };
}

/** A query as details of its entry. Addresses are personal data, so only their presence is recorded. */
function asDetails(query: object): Record<string, string | number> {
  const members = Object.entries(query).flatMap(([name, value]: [string, unknown]) => {
    if (value instanceof Date) return [[name, value.toISOString()] as const];
    if (name === 'clientAddress' && value !== undefined) return [[name, 'given'] as const];
    return typeof value === 'string' || typeof value === 'number' ? [[name, value] as const] : [];
  });
  return Object.fromEntries(members);
}
