import { Inject, Injectable } from '@nestjs/common';
import type { RequestContext } from '#libs/platform';
import { type Actor, isPrincipal } from '../trail/actor.js';
import type { AuditAction, AuditEvent, AuditOutcome } from '../trail/audit-event.js';
import { AuditEntryNotFound, AuditScopeExceeded } from '../errors.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { type AuditReceipt, AuditTrail } from '../trail/audit-trail.js';
import { EntryExport, type ExportChunk } from '../export/entry-export.js';
import { EntryRepository } from './entry-repository.js';
import { type EntryPage, type EntryQuery, EntrySearch } from './entry-search.js';
import { EntryStatistics, type StatisticCount, type StatisticsQuery } from './entry-statistics.js';
import type { ExportFormat } from '../export/export-formats.js';
import { LogReader, type SignedHead } from '../log/log-reader.js';
import { PersonalDataEraser } from './personal-data-eraser.js';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import { type TokenTrace, TokenTracer } from './token-tracer.js';

/** Who reads the log, on which request. */
export interface AuditReader {
  readonly actor: Actor;
  readonly request?: RequestContext;
}

/**
 * Where auditors read the log. Every reading is an entry itself, recorded before anything is shown;
 * what was asked for stands in it, but neither tokens nor what was found.
 *
 * Auditors of the home tenant, and operators, see the whole log. Others see what people of their
 * tenant did and what was done to them, and no more than that: other entries don't exist for them.
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
  async search(reader: AuditReader, query: Omit<EntryQuery, 'scopeTenant'>): Promise<EntryPage> {
    await this.#record(reader, {
      action: 'audit.read',
      details: { route: 'entries', ...asDetails(query) },
    });
    return this.entrySearch.find({ ...query, scopeTenant: this.#scopeTenant(reader) });
  }

  /** @throws AuditEntryNotFound also for an entry of another tenant */
  async entry(reader: AuditReader, id: string): Promise<AuditEntryRecord> {
    await this.#record(reader, { action: 'audit.read', details: { route: 'entry', id } });
    return this.#visibleEntry(reader, id);
  }

  /** The entry's `.tlog-proof` file. @throws AuditEntryNotFound also for an entry of another tenant */
  async proof(reader: AuditReader, id: string): Promise<string> {
    await this.#record(reader, { action: 'audit.read', details: { route: 'proof', id } });
    const { index } = await this.#visibleEntry(reader, id);
    return this.log.proofFile(index);
  }

  /** @throws AuditScopeExceeded for auditors of another tenant */
  async statistics(reader: AuditReader, query: StatisticsQuery): Promise<StatisticCount[]> {
    const details = { route: 'statistics', ...asDetails(query) };
    await this.#requireWholeLog(reader, 'audit.read', details);
    await this.#record(reader, { action: 'audit.read', details });
    return this.entryStatistics.count(query);
  }

  /** Recorded when the first piece is asked for. */
  async *export(
    reader: AuditReader,
    query: { readonly format: ExportFormat; readonly fromIndex: number },
  ): AsyncGenerator<ExportChunk, undefined> {
    await this.#record(reader, { action: 'audit.export', details: asDetails(query) });
    yield* this.entryExport.stream({ ...query, scopeTenant: this.#scopeTenant(reader) });
    return undefined;
  }

  /** The newest checkpoint. Not recorded. @throws AuditScopeExceeded for auditors of another tenant */
  async checkpoint(reader: AuditReader): Promise<SignedHead> {
    await this.#requireWholeLog(reader, 'audit.read', { route: 'checkpoint' });
    return this.log.checkpoint();
  }

  /**
   * A tile or an entry bundle. Tiles hold hashes only, so that only bundles are recorded.
   *
   * @throws AuditScopeExceeded for auditors of another tenant
   */
  async resource(reader: AuditReader, path: string): Promise<Buffer> {
    await this.#requireWholeLog(reader, 'audit.read', { route: path });
    if (path.startsWith('tile/entries/'))
      await this.#record(reader, { action: 'audit.read', details: { route: path } });
    return this.log.resource(path);
  }

  /** Who got a token. @throws AuditScopeExceeded for auditors of another tenant */
  async trace(
    reader: AuditReader,
    what: { readonly token: string } | { readonly fingerprint: string },
  ): Promise<TokenTrace> {
    const details: NonNullable<AuditEvent['details']> =
      'token' in what ? { by: 'token' } : { by: 'fingerprint', fingerprint: what.fingerprint };
    await this.#requireWholeLog(reader, 'audit.trace', details);
    await this.#record(reader, { action: 'audit.trace', details });
    return 'token' in what
      ? this.tracer.byToken(what.token)
      : this.tracer.byFingerprint(what.fingerprint);
  }

  /** Erases a person's values. @throws AuditScopeExceeded for auditors of another tenant */
  async erase(
    reader: AuditReader,
    person: { readonly tenant: string; readonly subject: string; readonly reason?: string },
  ): Promise<{ readonly receipt: AuditReceipt; readonly rows: number }> {
    await this.#requireWholeLog(reader, 'audit.erase', {});
    return this.eraser.erase({ ...person, ...reader });
  }

  async #visibleEntry(reader: AuditReader, id: string): Promise<AuditEntryRecord> {
    const found = await this.entries.byId(id);
    const tenant = this.#scopeTenant(reader);
    const { actor, target } = found?.entry ?? {};
    const isVisible = tenant === undefined || [actor?.tenant, target?.tenant].includes(tenant);
    if (!found || !isVisible) throw new AuditEntryNotFound();
    return found;
  }

  /** Who asks for more than their tenant's entries is refused, which is recorded as well. */
  async #requireWholeLog(
    reader: AuditReader,
    action: AuditAction,
    details: NonNullable<AuditEvent['details']>,
  ): Promise<void> {
    if (this.#scopeTenant(reader) === undefined) return;
    const refusal = new AuditScopeExceeded();
    await this.#record(reader, { action, details, reason: { code: refusal.code } }, 'denied');
    throw refusal;
  }

  /** The only tenant that the reader may see; `undefined` for the whole log. */
  #scopeTenant({ actor }: AuditReader): string | undefined {
    if (actor.kind === 'operator') return undefined;
    if (!isPrincipal(actor)) throw new AuditScopeExceeded();
    return actor.tenant === this.settings.homeTenant ? undefined : actor.tenant;
  }

  async #record(
    { actor, request }: AuditReader,
    what: Pick<AuditEvent, 'action' | 'details' | 'reason'>,
    outcome: AuditOutcome = 'success',
  ): Promise<void> {
    await this.trail.record({ ...what, outcome, actor, ...(request && { request }) });
  }
}

/** Addresses are personal: the entry tells only that one was asked for. */
function asDetails(query: object): Record<string, string | number> {
  const members = Object.entries(query).flatMap(([name, value]: [string, unknown]) => {
    if (value instanceof Date) return [[name, value.toISOString()] as const];
    if (name === 'clientAddress' && value !== undefined) return [[name, 'given'] as const];
    return typeof value === 'string' || typeof value === 'number' ? [[name, value] as const] : [];
  });
  return Object.fromEntries(members);
}
