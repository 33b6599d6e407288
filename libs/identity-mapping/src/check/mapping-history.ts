import { type AuditEntry, isRecordedText } from '#libs/audit';
import { MAPPING_STATUSES, type MappingStatus, ORPHANED } from '../model/mapping.js';

/** What one entry of the verified log says about a mapping. */
export interface MappingEntry {
  readonly identityId: string;
  readonly index: number;
  readonly recordedAtMs: number;
  readonly action: string;
  readonly reasonCode: string | null;
  readonly target: NonNullable<AuditEntry['target']>;
  /** `null` for actions whose details say nothing about the mapping. */
  readonly details: AuditEntry['details'] | null;
  readonly nameHash: string | null;
  /** `null` also when the name was erased. */
  readonly nameSalts: Buffer | null;
}

/** The columns of a mapping that the log records, with the form in which it does. */
export interface RecordedColumns {
  readonly resource: string;
  readonly tenant: string;
  readonly subject: string;
  readonly kind: string;
  readonly status: MappingStatus;
  readonly communication_user_id: string | null;
  /** Lowest and highest: the log does not say whether a link found a pending mapping. */
  readonly version: readonly [min: number, max: number];
  readonly token_generation: number;
  readonly is_revoking: boolean;
  readonly display_name: (Pick<MappingEntry, 'nameSalts'> & { readonly hash: string }) | null;
}

export type RecordedColumn = keyof RecordedColumns;

/** Why a column could not be compared: its entries are retired, its value is erased, or no entry has it. */
export type UncheckedReason = 'retired' | 'erased' | 'not-recorded';

/** A value with the entry that recorded it; without one, it is what every new mapping has. */
export interface Recorded<T> {
  readonly value: T;
  readonly entry: MappingEntry | undefined;
}

/** What an entry says of `revoked_through`. */
export interface RevokedThrough {
  readonly entry: MappingEntry;
  /** Whether it is certainly the number at that time; otherwise it may be a lower one. */
  readonly isExact: boolean;
}

const NEW = ['identity.create', 'identity.link', 'identity.import'];
const REVOKED = ['token.revoke confirmed', 'token.revoke completed'];

const NAME_COLUMNS = ['resource', 'tenant', 'subject', 'kind'] as const;

const CHANGING_COLUMNS = [
  'status',
  'version',
  'token_generation',
  'is_revoking',
  'display_name',
] as const;

const PROVISIONED = ['active', 'suspended'] as const;

/** The statuses that an action requires. A change is committed with its entry, so the log has it exactly. */
const REQUIRED_STATUSES: Readonly<Record<string, readonly MappingStatus[]>> = {
  'identity.create': ['pending'],
  'identity.link': ['pending'],
  'identity.import': ['pending'],
  'identity.outcome-unknown': ['pending'],
  'identity.update': ['pending', ...PROVISIONED],
  'identity.suspend': ['active'],
  'identity.resume': ['suspended'],
  'identity.delete requested': PROVISIONED,
  'identity.delete confirmed': ['pending', 'deleting'],
  'token.revoke requested': PROVISIONED,
  'token.revoke confirmed': PROVISIONED,
  'token.revoke completed': ['active'],
  'token.issue': ['active'],
};

/** The state of one mapping, replayed from its entries in their order, in constant memory. */
export class MappingHistory {
  readonly #values = new Map<RecordedColumn, Recorded<unknown>>();
  readonly #reasons = new Map<RecordedColumn, UncheckedReason>();
  #first: MappingEntry | undefined;
  #change: MappingEntry | undefined;
  #generation: MappingEntry | undefined;
  #raise: RevokedThrough | undefined;
  #contradictions = 0;

  /**
   * @param mayBeRetired whether entries about it may be among the retired ones
   * @param onContradiction receives what an entry says against the earlier ones
   */
  constructor(
    readonly id: string,
    readonly mayBeRetired: boolean,
    private readonly onContradiction: (entry: MappingEntry, detail: string) => void,
  ) {
    if (mayBeRetired) return;
    // A pending mapping has no entry before its first change.
    this.#set('status', 'pending');
    this.#set('communication_user_id', null);
    this.#set('version', [1, 1]);
    this.#set('token_generation', 1);
    this.#set('is_revoking', false);
    this.#set('display_name', null);
  }

  /** The first entry; `undefined` when the log has none. */
  get first(): MappingEntry | undefined {
    return this.#first;
  }

  /** How many times an entry says what earlier ones exclude. */
  get contradictions(): number {
    return this.#contradictions;
  }

  /** The last entry that came with a change of the row. */
  get lastChange(): MappingEntry | undefined {
    return this.#change;
  }

  /** The last entry that began a generation of tokens. */
  get lastGeneration(): MappingEntry | undefined {
    return this.#generation;
  }

  /** The last entry with which `revoked_through` became the number of the newest mass revocation. */
  get lastRaise(): RevokedThrough | undefined {
    return this.#raise;
  }

  recorded<C extends RecordedColumn>(column: C): Recorded<RecordedColumns[C]> | undefined {
    return this.#values.get(column) as Recorded<RecordedColumns[C]> | undefined; // `#set` has this type
  }

  /** Why `recorded` has no value. */
  reasonOf(column: RecordedColumn): UncheckedReason {
    return this.#reasons.get(column) ?? (this.mayBeRetired ? 'retired' : 'not-recorded');
  }

  /** Adds the next entry. */
  add(entry: MappingEntry): void {
    const isFirst = this.#first === undefined;
    this.#first ??= entry;
    if (entry.reasonCode === ORPHANED) return; // about another communication identity
    this.#addNames(entry);
    this.#requireStatus(entry, isFirst);
    this.#raiseRevokedThrough(entry);
    this.#apply(entry, isFirst);
  }

  /** As `change-statements.ts` does. A new mapping has the number of its claim, which no entry records. */
  #raiseRevokedThrough(entry: MappingEntry): void {
    const step = stepOf(entry);
    const status = this.recorded('status')?.value;
    const isRevoking = this.recorded('is_revoking')?.value;
    const isCut = entry.details?.cut !== undefined;
    const isChange = REQUIRED_STATUSES[step] !== undefined && step !== 'token.issue';
    const wasSuspended = status === 'suspended' && isRevoking === false;
    const isExact = REVOKED.includes(step) || (isChange && wasSuspended);
    const isUnknown = isCut || (isChange && (status === undefined || isRevoking === undefined));
    if (isExact || isUnknown || NEW.includes(entry.action)) this.#raise = { entry, isExact };
  }

  #addNames(entry: MappingEntry): void {
    for (const column of NAME_COLUMNS) {
      const recorded = this.recorded(column);
      const name = entry.target[column];
      if (name === undefined) continue;
      if (!recorded) this.#set(column, name, entry);
      else if (!isSameText(recorded.value, name)) this.#contradict(entry, column, recorded.entry);
    }
    const name = entry.target.communicationUserId ?? null;
    // A read is recorded after it, when another caller may have created the identity.
    if (name === null && entry.action === 'identity.read') return;
    const recorded = this.recorded('communication_user_id');
    const isAssigned = ['identity.create', 'identity.link'].includes(entry.action);
    if (!recorded || (recorded.value === null && name !== null && isAssigned)) {
      this.#set('communication_user_id', name, entry);
    } else if (recorded.value !== name) {
      this.#contradict(entry, 'communication_user_id', recorded.entry);
    }
  }

  #requireStatus(entry: MappingEntry, isFirst: boolean): void {
    const { action } = entry;
    const isNewRow = action === 'identity.import' || entry.details?.via === 'import';
    if (isNewRow && !isFirst) {
      this.#report(entry, `${action} of a mapping that exists`);
      return;
    }
    const required = REQUIRED_STATUSES[stepOf(entry)];
    const status = this.recorded('status');
    if (required && status && !required.includes(status.value)) {
      this.#report(entry, `${stepOf(entry)} of a mapping that is ${status.value}`);
    }
    const isRevoking = this.recorded('is_revoking')?.value;
    if (action === 'token.issue' && isRevoking === true) {
      this.#report(entry, `${action} while its tokens are being revoked`);
    }
    if (stepOf(entry) === 'token.revoke confirmed' && isRevoking === false) {
      this.#report(entry, `${stepOf(entry)} of a mapping whose tokens are not being revoked`);
    }
  }

  #apply(entry: MappingEntry, isFirst: boolean): void {
    if (entry.details?.cut !== undefined) {
      // The entry was too large to say what it changed.
      this.#change = entry;
      for (const column of CHANGING_COLUMNS) this.#forget(column);
      return;
    }
    switch (stepOf(entry)) {
      case 'identity.import':
        this.#begin(entry, 'pending');
        break;
      case 'identity.create':
        this.#changed(entry, { status: 'active', token_generation: 1, is_revoking: false });
        break;
      case 'identity.link':
        this.#link(entry, isFirst);
        break;
      case 'identity.update':
        this.#changed(entry, {});
        this.#nameAfter(entry, true);
        break;
      case 'identity.suspend':
        this.#changed(entry, { status: 'suspended', is_revoking: true });
        this.#nextGeneration(entry);
        this.#nameAfter(entry, false);
        break;
      case 'identity.resume':
        this.#changed(entry, { status: 'active' });
        this.#nameAfter(entry, true);
        break;
      case 'token.revoke requested':
        this.#changed(entry, { is_revoking: true });
        this.#nextGeneration(entry);
        break;
      case 'token.revoke confirmed':
        this.#changed(entry, { is_revoking: false });
        break;
      case 'token.revoke completed':
        this.#changed(entry, {});
        this.#nextGeneration(entry);
        break;
      case 'identity.delete requested':
        this.#changed(entry, { status: 'deleting', is_revoking: false });
        this.#nextGeneration(entry);
        break;
      case 'identity.delete confirmed':
        this.#changed(entry, { status: 'deleted', is_revoking: false, display_name: null });
        break;
      case 'token.issue':
        // Says the state, where the entries of its change are retired.
        if (!this.recorded('status')) this.#set('status', 'active', entry);
        if (!this.recorded('is_revoking')) this.#set('is_revoking', false, entry);
    }
  }

  /** The first version of a row. */
  #begin(entry: MappingEntry, status: MappingStatus): void {
    const is_revoking = status === 'suspended';
    this.#changed(entry, { status, token_generation: 1, is_revoking, display_name: null });
    this.#set('version', [1, 1], entry);
    this.#nameAfter(entry, false);
  }

  #link(entry: MappingEntry, isFirst: boolean): void {
    if (entry.details?.via === 'import') {
      const status = MAPPING_STATUSES.find((one) => one === entry.details?.status);
      this.#begin(entry, status ?? 'active');
      return;
    }
    this.#changed(entry, { status: 'active', token_generation: 1, is_revoking: false });
    if (isFirst && !this.mayBeRetired) this.#set('version', [1, 2], entry);
    this.#nameAfter(entry, false);
  }

  /** The next version of the row. */
  #changed(entry: MappingEntry, values: Partial<RecordedColumns>): void {
    this.#change = entry;
    const version = this.recorded('version')?.value;
    if (version) this.#set('version', [version[0] + 1, version[1] + 1], entry);
    const { status, token_generation, is_revoking, display_name } = values;
    if (status !== undefined) this.#set('status', status, entry);
    if (token_generation !== undefined) this.#set('token_generation', token_generation, entry);
    if (is_revoking !== undefined) this.#set('is_revoking', is_revoking, entry);
    if (display_name !== undefined) this.#set('display_name', display_name, entry);
  }

  #nextGeneration(entry: MappingEntry): void {
    this.#generation = entry;
    const known = this.recorded('token_generation');
    const stated = entry.details?.tokenGeneration;
    if (typeof stated === 'number') {
      if (known && stated !== known.value + 1) {
        this.#contradict(entry, 'token_generation', known.entry);
      }
      this.#set('token_generation', stated, entry);
    } else if (known) this.#set('token_generation', known.value + 1, entry);
  }

  /** @param isAlwaysNamed whether the action records the name whenever there is one */
  #nameAfter(entry: MappingEntry, isAlwaysNamed: boolean): void {
    const { nameHash: hash, nameSalts, details } = entry;
    const change = details?.displayName;
    if (hash !== null) this.#set('display_name', { hash, nameSalts }, entry);
    else if (isAlwaysNamed || change === 'removed') this.#set('display_name', null, entry);
    else if (change !== undefined) this.#forget('display_name');
  }

  #set<C extends RecordedColumn>(column: C, value: RecordedColumns[C], entry?: MappingEntry): void {
    this.#values.set(column, { value, entry });
  }

  #forget(column: RecordedColumn): void {
    this.#values.delete(column);
    this.#reasons.set(column, 'not-recorded');
  }

  #report(entry: MappingEntry, detail: string): void {
    this.#contradictions += 1;
    this.onContradiction(entry, detail);
  }

  #contradict(
    entry: MappingEntry,
    column: RecordedColumn,
    earlier: MappingEntry | undefined,
  ): void {
    const than = earlier ? `than entry ${earlier.index}` : 'before one is assigned';
    this.#report(entry, `${entry.action} names another ${column} ${than}`);
  }
}

/** The action, with its stage where it has two. */
function stepOf({ action, details }: MappingEntry): string {
  const isStaged = action === 'token.revoke' || action === 'identity.delete';
  return isStaged && typeof details?.stage === 'string' ? `${action} ${details.stage}` : action;
}

/** Entries may truncate a text at different lengths. */
function isSameText(one: string, other: string): boolean {
  return one === other || isRecordedText(one, other) || isRecordedText(other, one);
}
