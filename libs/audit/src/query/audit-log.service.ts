import { Inject, Injectable } from '@nestjs/common';
import { type CallContext, type CanonicalName, isPrincipal, type Principal } from '#libs/platform';
import type { AuditAction, AuditEvent, AuditOutcome } from '../trail/audit-event.js';
import { AuditEntryNotFound, AuditScopeExceeded } from '../errors.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { type AuditReceipt, AuditTrail } from '../trail/audit-trail.js';
import { EntryExport, type ExportChunk, type ExportQuery } from '../export/entry-export.js';
import { EntryRepository } from './entry-repository.js';
import type { EntryFilter, EntryPage, EntryQuery } from './entry-filter.js';
import { followEntries, type FollowedEntries, type FollowOptions } from './entry-follower.js';
import { EntrySearch } from './entry-search.js';
import { asDetails, resultDetails, resultOf, searchedText } from './reading-details.js';
import { withoutForeignValues } from './visible-values.js';
import { type Statistics, type StatisticsQuery, StatisticsReader } from './statistics-reader.js';
import { LogReader } from '../log/log-reader.js';
import { recordedExport } from '../trail/recorded-bulk-work.js';
import { isReasonCode } from '../trail/reason-codes.js';
import { type ErasureRequest, PersonalDataEraser } from './personal-data-eraser.js';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import { type TokenTrace, TokenTracer, type TracedToken } from './token-tracer.js';

/** What to return with an entry. */
export interface EntryParts {
  /** The `.tlog-proof` file. */
  readonly proof?: boolean;
  readonly neighbours?: boolean;
}

/** Other entries that share something with an entry, newest first. */
export interface EntryNeighbours {
  readonly token: readonly AuditEntryRecord[];
  readonly request: readonly AuditEntryRecord[];
  readonly callerToken: readonly AuditEntryRecord[];
}

export interface EntryWithParts extends AuditEntryRecord {
  readonly proof?: string;
  readonly neighbours?: EntryNeighbours;
}

type Reading = Pick<AuditEvent, 'action' | 'details' | 'reason' | 'target'>;

/** Of each kind, those next to the entry. */
const MAX_NEIGHBOURS = 20;

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
    private readonly statisticsReader: StatisticsReader,
    private readonly entryExport: EntryExport,
    private readonly log: LogReader,
    private readonly tracer: TokenTracer,
    private readonly eraser: PersonalDataEraser,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {}

  /** Whether the caller is of the tenant whose auditors see the whole log. */
  isHomeTenant({ tenant }: Principal): boolean {
    return tenant === this.settings.homeTenant;
  }

  /** The codes that no reason of this release has, nor one of an entry that the reader may see. Not recorded. */
  async unknownReasonCodes(reader: CallContext, codes: readonly string[]): Promise<string[]> {
    const unknown: string[] = [];
    for (const reasonCode of codes.filter((code) => !isReasonCode(code))) {
      const { items } = await this.#find(reader, { reasonCode, limit: 1 });
      if (items.length === 0) unknown.push(reasonCode);
    }
    return unknown;
  }

  /** A page of entries, newest first unless the query has another order. */
  async search(reader: CallContext, query: Omit<EntryQuery, 'scopeTenant'>): Promise<EntryPage> {
    await this.#record(reader, {
      action: 'audit.read',
      details: { route: 'entries', ...asDetails(query) },
    });
    return this.#find(reader, query);
  }

  /**
   * Entries that match, then those that are recorded later until the signal aborts. Recorded when the first
   * ones are requested, and with their count at the end.
   */
  async *follow(
    reader: CallContext,
    filter: EntryFilter,
    options: FollowOptions,
  ): AsyncGenerator<FollowedEntries, undefined> {
    const { after } = options;
    const details = { route: 'follow', ...asDetails({ ...filter, after }) };
    const pages = followEntries(async (query) => this.#find(reader, query), filter, options);
    const event = this.#eventOf(reader, { action: 'audit.read', details });
    return yield* await recordedExport(this.trail, event, pages, ({ items }) => items.length);
  }

  /** The entries around an index, newest first: half of the page is older than it. */
  async searchAround(
    reader: CallContext,
    query: Omit<EntryQuery, 'scopeTenant' | 'order' | 'before' | 'after'>,
    index: number,
  ): Promise<EntryPage> {
    await this.#record(reader, {
      action: 'audit.read',
      details: { route: 'entries', ...asDetails(query), aroundIndex: index },
    });
    return this.#around(reader, query, index);
  }

  /**
   * An entry by its id or its index, with what else is requested, for one record of a reading.
   *
   * @throws AuditEntryNotFound also for an entry of another tenant
   */
  async entry(
    reader: CallContext,
    key: string | number,
    { proof = false, neighbours = false }: EntryParts = {},
  ): Promise<EntryWithParts> {
    const include = [...(proof ? ['proof'] : []), ...(neighbours ? ['neighbours'] : [])];
    const name = typeof key === 'number' ? 'index' : 'id';
    await this.#record(reader, {
      action: 'audit.read',
      details: { route: 'entry', [name]: key, ...(include.length > 0 && { include }) },
    });
    const found = await this.#visibleEntry(reader, key);
    return {
      ...found,
      ...(proof && { proof: await this.log.proofFile(found.index) }),
      ...(neighbours && { neighbours: await this.#neighbours(reader, found) }),
    };
  }

  /** The entry's `.tlog-proof` file. @throws AuditEntryNotFound also for an entry of another tenant */
  async proof(reader: CallContext, id: string): Promise<string> {
    await this.#record(reader, { action: 'audit.read', details: { route: 'proof', id } });
    const { index } = await this.#visibleEntry(reader, id);
    return this.log.proofFile(index);
  }

  /** Counts of entries. @throws AuditScopeExceeded for auditors of another tenant */
  async statistics(reader: CallContext, query: StatisticsQuery): Promise<Statistics> {
    const details = { route: 'statistics', ...asDetails(query) };
    await this.requireWholeLog(reader, 'audit.read', details);
    await this.#record(reader, { action: 'audit.read', details });
    return this.statisticsReader.read(query);
  }

  /** Entries in an export format. Recorded when the first chunk is requested, and with their count at the end. */
  async *export(
    reader: CallContext,
    query: Omit<ExportQuery, 'scopeTenant'>,
  ): AsyncGenerator<ExportChunk, undefined> {
    const chunks = this.entryExport.stream({ ...query, scopeTenant: this.#scopeTenant(reader) });
    const event = this.#eventOf(reader, { action: 'audit.export', details: asDetails(query) });
    return yield* await recordedExport(this.trail, event, chunks, ({ entryCount }) => entryCount);
  }

  /** A bundle of entries. @throws AuditScopeExceeded for auditors of another tenant */
  async bundle(reader: CallContext, path: string): Promise<Buffer> {
    const reading = { action: 'audit.read', details: { route: path } } as const;
    await this.requireWholeLog(reader, reading.action, reading.details);
    await this.#record(reader, reading);
    return this.log.resource(path);
  }

  /** The entries of a token. @throws AuditScopeExceeded for auditors of another tenant */
  async trace(reader: CallContext, by: TracedToken): Promise<TokenTrace> {
    const details: NonNullable<AuditEvent['details']> =
      'token' in by
        ? { by: 'token' }
        : 'fingerprint' in by
          ? { by: 'fingerprint', fingerprint: by.fingerprint }
          : { by: 'tokenId', tokenId: searchedText(by.tokenId) };
    await this.requireWholeLog(reader, 'audit.trace', details);
    const { fingerprints, ...trace } = await this.tracer.trace(by);
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
    await this.requireWholeLog(reader, 'audit.erase', {});
    return this.eraser.erase({ ...person, ...reader });
  }

  async #find(reader: CallContext, query: Omit<EntryQuery, 'scopeTenant'>): Promise<EntryPage> {
    const scopeTenant = this.#scopeTenant(reader);
    const { items, ...page } = await this.entrySearch.find({ ...query, scopeTenant });
    return { ...page, items: items.map((item) => withoutForeignValues(item, scopeTenant)) };
  }

  async #around(
    reader: CallContext,
    query: Omit<EntryQuery, 'scopeTenant' | 'order' | 'before' | 'after'>,
    index: number,
  ): Promise<EntryPage> {
    const newer = { ...query, limit: Math.max(1, Math.floor(query.limit / 2)) };
    const above = await this.#find(reader, { ...newer, order: 'ascending', after: index });
    const limit = Math.max(1, query.limit - above.items.length);
    const below = await this.#find(reader, { ...query, limit, before: index + 1 });
    const { searchedTo } = above.items.length > 0 ? above : below;
    return {
      ...below,
      items: [...above.items.toReversed(), ...below.items],
      ...(searchedTo && { searchedTo }),
    };
  }

  /** Entries of the same token, of the same request, and of the same token of the caller. */
  async #neighbours(
    reader: CallContext,
    { index, entry }: AuditEntryRecord,
  ): Promise<EntryNeighbours> {
    const of = async (filter: EntryFilter): Promise<AuditEntryRecord[]> => {
      if (Object.values(filter).every((value) => value === undefined)) return [];
      const query = { ...filter, limit: MAX_NEIGHBOURS + 1 };
      const { items } = await this.#around(reader, query, index);
      return items.filter((item) => item.index !== index).slice(0, MAX_NEIGHBOURS);
    };
    return {
      token: await of({ fingerprint: entry.token?.fingerprint }),
      request: await of({ requestId: entry.request?.id }),
      callerToken: await of({ tokenId: entry.actor.tokenId }),
    };
  }

  async #visibleEntry(reader: CallContext, key: string | number): Promise<AuditEntryRecord> {
    const found =
      typeof key === 'number' ? await this.entries.at(key) : await this.entries.byId(key);
    const tenant = this.#scopeTenant(reader);
    const { actor, target } = found?.entry ?? {};
    const isVisible = tenant === undefined || [actor?.tenant, target?.tenant].includes(tenant);
    if (!found || !isVisible) throw new AuditEntryNotFound();
    return withoutForeignValues(found, tenant);
  }

  /**
   * Rejects, and records, requests of auditors who may see the entries of their tenant only.
   *
   * @throws AuditScopeExceeded
   */
  async requireWholeLog(
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
    return this.isHomeTenant(actor) ? undefined : actor.tenant;
  }

  async #record(reader: CallContext, event: Reading, outcome?: AuditOutcome): Promise<void> {
    await this.trail.record(this.#eventOf(reader, event, outcome));
  }

  #eventOf(
    { actor, request }: CallContext,
    event: Reading,
    outcome: AuditOutcome = 'success',
  ): AuditEvent {
    return { ...event, outcome, actor, ...(request && { request }) };
  }
}
