import { Injectable } from '@nestjs/common';
import { Clock, ReadingDatabase } from '#libs/platform';
import { SecretNotFound, SecretUnusable } from '#libs/secrets';
import { type EntryRow, EntryRepository } from './entry-repository.js';
import type { AuditEntryRecord } from '../entry/audit-entry.js';
import { TokenFingerprints } from '../fingerprints/token-fingerprints.js';

/** The entries of a token, and which other tokens its owner holds. */
export interface TokenTrace {
  /** All entries with the token's fingerprint, oldest first: the first is its issuance. */
  readonly entries: readonly AuditEntryRecord[];
  /** One entry for each other token of the communication identity that is neither expired nor revoked. */
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

/** Finds the entries of a token. The token itself is neither stored nor logged. */
@Injectable()
export class TokenTracer {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly entries: EntryRepository,
    private readonly fingerprints: TokenFingerprints,
    private readonly clock: Clock,
  ) {}

  /** By the token: tries every fingerprint key that was ever in use. */
  async byToken(token: string): Promise<SearchedTrace> {
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

  /** By a fingerprint as in an entry. */
  async byFingerprint(fingerprint: string): Promise<SearchedTrace> {
    const traced = await this.#trace([fingerprint]);
    return { ...traced, untriedKeys: [], fingerprints: [fingerprint] };
  }

  async #trace(fingerprints: readonly string[]): Promise<Omit<TokenTrace, 'untriedKeys'>> {
    const rows = await this.database.query<EntryRow>(
      `SELECT entry_index, recorded_at, leaf FROM audit_entry
       WHERE token_fingerprint = ANY($1) ORDER BY entry_index LIMIT 1000`,
      [fingerprints],
    );
    const entries = await this.entries.withPersonalValues(rows);
    const identity = entries[0]?.entry.target?.communicationUserId;
    if (identity === undefined) return { entries, liveSiblings: [] };
    return { entries, liveSiblings: await this.#siblings(identity, fingerprints) };
  }

  async #siblings(identity: string, known: readonly string[]): Promise<AuditEntryRecord[]> {
    const now = this.clock.now();
    const rows = await this.database.query<EntryRow>(
      `SELECT entry_index, recorded_at, leaf FROM audit_entry
       WHERE communication_user_id = $1 AND recorded_at >= $2 AND outcome = 'success'
         AND token_fingerprint <> ALL($3)
         AND entry_index > coalesce((
           SELECT max(entry_index) FROM audit_entry
           WHERE communication_user_id = $1 AND recorded_at >= $2 AND outcome = 'success'
             AND action IN ('token.revoke', 'identity.delete', 'teams-phone.unassign')), -1)
       ORDER BY entry_index DESC LIMIT 1000`,
      [identity, new Date(now - MAX_TOKEN_LIFETIME_MS).toISOString(), known],
    );
    const siblings = await this.entries.withPersonalValues(rows);
    const firstOfEach = new Map<string, AuditEntryRecord>();
    for (const sibling of siblings) {
      const { token } = sibling.entry;
      if (token && Date.parse(token.expiresOn) > now) firstOfEach.set(token.fingerprint, sibling);
    }
    return [...firstOfEach.values()];
  }
}
