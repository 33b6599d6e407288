import { Injectable } from '@nestjs/common';
import { Clock, ReadingDatabase } from '#libs/platform';
import { SecretNotFound, SecretUnusable } from '#libs/secrets';
import { type EntryRow, EntryRepository } from './entry-repository.js';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import { EntrySearch } from './entry-search.js';
import { ENTRY_ROW } from './search-statement.js';
import { TokenFingerprints } from '../fingerprints/token-fingerprints.js';
import {
  type RecordedRevocation,
  RecordedRevocations,
  type RevocationLookup,
} from './recorded-revocations.js';

/** What a trace begins with. */
export type TracedToken =
  | { readonly token: string }
  /** As in an entry. */
  | { readonly fingerprint: string }
  /** `uti` or `jti` of a token of a caller: finds the tokens that were issued to it. */
  | { readonly tokenId: string };

/** What a token is good for now, as the log has it. */
export interface TracedTokenState {
  readonly fingerprint: string;
  /**
   * `revoked`: ACS has confirmed it; before, a token whose revocation was requested is `live`. `unknown`: the
   * answer of ACS was lost, and it is not known whether somebody has it.
   */
  readonly status: 'live' | 'expired' | 'revoked' | 'unknown';
  readonly expiresOn: string;
  readonly revocation: RecordedRevocation;
  readonly identityId: string | undefined;
  readonly tenant: string | undefined;
}

/** The entries of a token, and which other tokens its owner holds. */
export interface TokenTrace {
  /** All entries with the token's fingerprint, oldest first: the first is its issuance. */
  readonly entries: readonly AuditEntryRecord[];
  /** Each token that was found, oldest first; one, unless the trace began with a token of a caller. */
  readonly tokens: readonly TracedTokenState[];
  /** One entry for each other token of the communication identities that is neither expired nor `revoked`. */
  readonly liveSiblings: readonly AuditEntryRecord[];
  /** Fingerprint keys that are no longer in the secret store and could not be tried. */
  readonly untriedKeys: readonly string[];
}

/** A trace with the fingerprints that were searched for, that of the newest key first. */
export interface SearchedTrace extends TokenTrace {
  readonly fingerprints: readonly string[];
}

/** ACS issues tokens for 24 hours at most. */
const MAX_TOKEN_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** Entries that are read at once. */
const MAX_ENTRIES = 1000;

/** Finds the entries of a token. The token itself is neither stored nor logged. */
@Injectable()
export class TokenTracer {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly entries: EntryRepository,
    private readonly search: EntrySearch,
    private readonly fingerprints: TokenFingerprints,
    private readonly revocations: RecordedRevocations,
    private readonly clock: Clock,
  ) {}

  async trace(by: TracedToken): Promise<SearchedTrace> {
    if ('token' in by) return this.#byToken(by.token);
    const fingerprints = 'fingerprint' in by ? [by.fingerprint] : await this.#issuedTo(by.tokenId);
    return { ...(await this.#trace(fingerprints)), untriedKeys: [], fingerprints };
  }

  /** Tries every fingerprint key that was ever in use. */
  async #byToken(token: string): Promise<SearchedTrace> {
    const keys = await this.database.query<{ id: string }>(
      'SELECT id FROM audit_fingerprint_key ORDER BY first_index DESC',
    );
    const found: string[] = [];
    const untriedKeys: string[] = [];
    for (const { id } of keys) {
      try {
        found.push((await this.fingerprints.withKey(token, id)).fingerprint);
      } catch (error) {
        if (!(error instanceof SecretNotFound || error instanceof SecretUnusable)) throw error;
        untriedKeys.push(id);
      }
    }
    return { ...(await this.#trace(found)), untriedKeys, fingerprints: found };
  }

  async #issuedTo(tokenId: string): Promise<string[]> {
    const { items } = await this.search.find({ tokenId, limit: MAX_ENTRIES });
    return [...new Set(items.flatMap(({ entry }) => entry.token?.fingerprint ?? []))];
  }

  async #trace(fingerprints: readonly string[]): Promise<Omit<TokenTrace, 'untriedKeys'>> {
    const rows = await this.database.query<EntryRow>(
      `SELECT ${ENTRY_ROW} FROM audit_entry e
       WHERE token_fingerprint = ANY($1) ORDER BY entry_index LIMIT ${MAX_ENTRIES}`,
      [fingerprints],
    );
    const entries = await this.entries.withPersonalValues(rows);
    const ids = [...new Set(entries.flatMap((one) => one.entry.target?.communicationUserId ?? []))];
    if (ids.length === 0) return { entries, tokens: [], liveSiblings: [] };
    const revocationOf = await this.revocations.find(ids, this.#earliestLive());
    const others = await this.#others(ids, fingerprints);
    const live = others.filter(
      (one) => revocationOf(one).confirmedAt === undefined && this.#isValid(one),
    );
    return {
      entries,
      tokens: firstOfEach(entries).map((first) => this.#stateOf(first, entries, revocationOf)),
      // The newest token first, by its issuance.
      liveSiblings: firstOfEach(live.toReversed()).toReversed(),
    };
  }

  /** Entries of other tokens of the identities, newest first. */
  async #others(ids: readonly string[], known: readonly string[]): Promise<AuditEntryRecord[]> {
    const rows = await this.database.query<EntryRow>(
      `SELECT ${ENTRY_ROW} FROM audit_entry e
       WHERE communication_user_id = ANY($1) AND recorded_at >= $2 AND outcome = 'success'
         AND token_fingerprint <> ALL($3)
       ORDER BY entry_index DESC LIMIT ${MAX_ENTRIES}`,
      [ids, this.#earliestLive(), known],
    );
    return this.entries.withPersonalValues(rows);
  }

  #stateOf(
    { entry: { token, target } }: AuditEntryRecord,
    entries: readonly AuditEntryRecord[],
    revocationOf: RevocationLookup,
  ): TracedTokenState {
    const fingerprint = token?.fingerprint ?? '';
    const own = entries.filter(({ entry }) => entry.token?.fingerprint === fingerprint);
    const last = own.findLast(({ entry }) => entry.outcome === 'success') ?? own.at(-1);
    const revocation = last ? revocationOf(last) : {};
    const status = (): TracedTokenState['status'] => {
      if (!last || !this.#isValid(last)) return 'expired';
      if (revocation.confirmedAt !== undefined) return 'revoked';
      return last.entry.outcome === 'success' ? 'live' : 'unknown';
    };
    return {
      fingerprint,
      status: status(),
      expiresOn: last?.entry.token?.expiresOn ?? token?.expiresOn ?? '',
      revocation,
      identityId: target?.identityId,
      tenant: target?.tenant,
    };
  }

  #isValid({ entry: { token } }: AuditEntryRecord): boolean {
    return token !== undefined && Date.parse(token.expiresOn) > this.clock.now();
  }

  #earliestLive(): string {
    return new Date(this.clock.now() - MAX_TOKEN_LIFETIME_MS).toISOString();
  }
}

/** Of each token its first entry. */
function firstOfEach(entries: readonly AuditEntryRecord[]): AuditEntryRecord[] {
  const first = new Map<string, AuditEntryRecord>();
  for (const one of entries) {
    const { fingerprint } = one.entry.token ?? {};
    if (fingerprint !== undefined && !first.has(fingerprint)) first.set(fingerprint, one);
  }
  return [...first.values()];
}
