import { Inject, Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import { LONGEST_SECRET_USE_MS } from '#libs/secrets';
import {
  type CheckpointTrust,
  formatRetiredKey,
  type NoteVerifier,
  type RetiredKey,
} from '#libs/transparency-log';
import type { LogQuery } from '../postgres/log-queries.js';
import { auditSettings, type AuditSettings } from '../settings.js';
import { tryParseKey } from '../verify/signing-keys-check.js';
import { CheckpointSigners } from './checkpoint-signers.js';

/**
 * The public keys of the log: those that sign, and the retired ones with the last size that they may have
 * signed, because the checkpoints of their time carry their signatures only.
 */
@Injectable()
export class LogKeys {
  constructor(
    private readonly signers: CheckpointSigners,
    private readonly database: ReadingDatabase,
    @Inject(auditSettings.key) private readonly settings: AuditSettings,
  ) {}

  /**
   * The keys, as verifiers configure them: `parseLogKeys` reads the lines. A verifier keeps a line for years.
   * So a replaced key has an end only once no replica can sign with it: as long as it is unknown whether all
   * have read the new one, it is listed without an end. A key of an earlier name of the log has its end at
   * once, because no replica signs under it.
   */
  async lines(): Promise<string[]> {
    const { origin, current, others } = await this.#keys(this.database.run(listedKeys));
    const isRetired = ({ verifier, isUnused }: OtherKey): boolean =>
      isUnused || verifier.name !== origin;
    return [
      ...current.map((verifier) => verifier.toString()),
      ...others.filter((key) => !isRetired(key)).map(({ verifier }) => verifier.toString()),
      ...retiredKeys(others.filter(isRetired)).map(formatRetiredKey),
    ];
  }

  /**
   * What counts for the checkpoints that the log has signed so far. Other than in `lines`, a key ends where the
   * newest checkpoint has another one, so that what a thief signed is found at once; it is not to be kept.
   *
   * @param snapshot in which checkpoints are verified: a key that came later would be unknown there. Default:
   *   the newest state
   */
  async trust(snapshot?: LogQuery): Promise<Required<CheckpointTrust>> {
    const rows = snapshot ? listedKeys(snapshot) : this.database.run(listedKeys);
    const { origin, current, others } = await this.#keys(rows);
    const inUse = others.filter(({ until }) => until === null);
    return {
      origin,
      // Without an end: other replicas still sign with it.
      verifiers: [...current, ...inUse.map(({ verifier }) => verifier)],
      retired: retiredKeys(others),
    };
  }

  /**
   * The log has the name of the keys that sign it, whatever the settings of this process say. A stored text
   * that is no key is left out: the verification of the log reports its row.
   */
  async #keys(rows: Promise<readonly ListedKey[]>): Promise<{
    origin: string;
    /** Of this process. */
    current: readonly NoteVerifier[];
    others: readonly OtherKey[];
  }> {
    const listed = (await rows).flatMap(({ key, ...more }) => {
      const verifier = tryParseKey(key);
      return verifier ? [{ verifier, ...more }] : [];
    });
    const inUse = listed.find(({ until }) => until === null);
    const origin = inUse?.verifier.name ?? this.settings.origin;
    const current = (await this.signers.current(origin)).map(({ verifier }) => verifier);
    const signing = new Set(current.map((verifier) => verifier.toString()));
    const others = listed.filter(({ verifier }) => !signing.has(verifier.toString()));
    return { origin, current, others };
  }
}

/** @returns those that have an end */
function retiredKeys(keys: readonly OtherKey[]): RetiredKey[] {
  return keys.flatMap(({ verifier, until }) =>
    until === null ? [] : [{ verifier, untilSize: Number(until) }],
  );
}

/** A row of the signing keys that the log has listed; its text may have been edited. */
interface ListedKey {
  readonly key: string | null;
  /** The last size that it has signed; `null` when it has signed the newest checkpoint. */
  readonly until: string | null;
  /** Whether a newer key has replaced it, and for so long that no replica has it any more. */
  readonly isUnused: boolean;
}

type OtherKey = Omit<ListedKey, 'key'> & { readonly verifier: NoteVerifier };

/** Times are those of the log. A key that another one has not been used after was replaced by none. */
async function listedKeys(query: LogQuery): Promise<ListedKey[]> {
  return query.query<ListedKey[]>(
    `WITH used AS (
       SELECT key, min(from_size) AS first, max(from_size) AS last
       FROM audit_signing_keys, unnest(keys) AS key GROUP BY key
     ), ended AS (
       SELECT *, (SELECT min(from_size) FROM audit_signing_keys WHERE from_size > last) AS until
       FROM used
     )
     SELECT key, until,
       EXISTS (SELECT FROM used AS newer WHERE newer.first > ended.first AND newer.last > ended.last)
       AND coalesce(newest.recorded_at > replaced.recorded_at + $1 * interval '1 ms', false)
         AS "isUnused"
     FROM ended
     LEFT JOIN LATERAL (
       SELECT recorded_at FROM audit_head WHERE size > until ORDER BY size LIMIT 1
     ) AS replaced ON replaced.recorded_at < '9999-12-31'
     LEFT JOIN LATERAL (
       SELECT recorded_at FROM audit_head ORDER BY size DESC LIMIT 1
     ) AS newest ON true
     ORDER BY last DESC, key`,
    [LONGEST_SECRET_USE_MS],
  );
}
