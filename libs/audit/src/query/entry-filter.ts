import type { CanonicalName } from '#libs/platform';
import type { AuditEntryRecord, EntryActor } from '../entry/audit-entry.js';
import type { AuditAction, AuditOutcome } from '../trail/audit-event.js';

/** One value, or several of which an entry has one. */
export type OneOrMore<T> = T | readonly T[];

/** Conditions that found entries meet, all of them. */
export interface EntryFilter {
  /** Recorded at this time or later. */
  readonly from?: Date | undefined;
  /** Recorded before this time. */
  readonly to?: Date | undefined;
  readonly action?: OneOrMore<AuditAction> | undefined;
  readonly actionNot?: OneOrMore<AuditAction> | undefined;
  readonly outcome?: OneOrMore<AuditOutcome> | undefined;
  readonly reasonCode?: OneOrMore<string> | undefined;
  /** Words, all of which the reason's code or text contains. */
  readonly reasonText?: string | undefined;
  readonly actorKind?: OneOrMore<EntryActor['kind']> | undefined;
  readonly actorTenant?: CanonicalName | undefined;
  /** Subject of the caller, or name of the service or operator. */
  readonly actorSubject?: CanonicalName | undefined;
  readonly actorSubjectNot?: OneOrMore<CanonicalName> | undefined;
  readonly isGuest?: boolean | undefined;
  readonly clientApp?: CanonicalName | undefined;
  /** `uti` or `jti` of the caller's token. */
  readonly tokenId?: string | undefined;
  /** Tenant of the target; that of the actor where the entry names no other. */
  readonly targetTenant?: CanonicalName | undefined;
  /** Subject of the target; that of the actor where the entry names no other. */
  readonly targetSubject?: CanonicalName | undefined;
  readonly identityId?: CanonicalName | undefined;
  readonly communicationUserId?: CanonicalName | undefined;
  /** Name of the ACS resource. */
  readonly resource?: string | undefined;
  /** A scope that the issued token has. */
  readonly scope?: string | undefined;
  readonly fingerprint?: string | undefined;
  readonly rule?: string | undefined;
  readonly policyVersion?: string | undefined;
  readonly secretVersion?: string | undefined;
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
  /** One address, unless erased. */
  readonly clientAddress?: string | undefined;
  /** Addresses, unless erased, in the notation of CIDR: `192.0.2.0/24`. */
  readonly address?: string | undefined;
  /** Display name of the actor or the target, exactly, unless erased. */
  readonly displayName?: string | undefined;
}

/** Which page of the entries that match. */
export interface EntryQuery extends EntryFilter {
  /** 1 to 1000. */
  readonly limit: number;
  /** By index. Default: descending, the newest entries first. */
  readonly order?: 'ascending' | 'descending' | undefined;
  /** Only entries with a smaller index: the `nextBefore` of the previous page. */
  readonly before?: number | undefined;
  /** Only entries with a greater index: the `nextAfter` of the previous page. */
  readonly after?: number | undefined;
  /** Only entries whose actor or target is of this tenant. */
  readonly scopeTenant?: CanonicalName | undefined;
}

/** One page of a search. */
export interface EntryPage {
  readonly items: readonly AuditEntryRecord[];
  /** The `before` of the next page in descending order; absent on the last page. */
  readonly nextBefore?: number;
  /**
   * The `after` of the next page in ascending order. Present also at the end of the log, where the next
   * page has the entries that are recorded later.
   */
  readonly nextAfter?: number;
  /** Whether no entry of the log follows that matches. */
  readonly isComplete: boolean;
  /** Index of the newest entry of the log when it was searched; absent while the log is empty. */
  readonly newestIndex?: number;
  /** This page has every entry that matches from this time on; absent: from the beginning of the log. */
  readonly searchedFrom?: Date;
  /** This page has every entry that matches up to this time; absent while the log is empty. */
  readonly searchedTo?: Date;
}

/** The values as a list; empty when there are none. */
export function listOf<T extends string>(values: OneOrMore<T> | undefined): readonly T[] {
  if (values === undefined) return [];
  return typeof values === 'string' ? [values] : values;
}
