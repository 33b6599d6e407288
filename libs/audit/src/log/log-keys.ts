import { Inject, Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import { type CheckpointTrust, formatRetiredKey } from '#libs/transparency-log';
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

  /** The keys, as verifiers configure them: `parseLogKeys` reads the lines. */
  async lines(): Promise<string[]> {
    const { verifiers, retired } = await this.trust();
    return [...verifiers.map((verifier) => verifier.toString()), ...retired.map(formatRetiredKey)];
  }

  /**
   * The log has the name of the keys that sign it, whatever the settings of this process say. A stored text
   * that is no key is left out: the verification of the log reports its row.
   *
   * @param snapshot in which checkpoints are verified: a key that came later would be unknown there. Default:
   *   the newest state
   */
  async trust(snapshot?: LogQuery): Promise<Required<CheckpointTrust>> {
    const rows = await (snapshot ? listedKeys(snapshot) : this.database.run(listedKeys));
    const listed = rows.flatMap(({ key, until }) => {
      const verifier = tryParseKey(key);
      return verifier ? [{ verifier, until }] : [];
    });
    const inUse = listed.find(({ until }) => until === null);
    const origin = inUse?.verifier.name ?? this.settings.origin;
    const current = (await this.signers.current(origin)).map(({ verifier }) => verifier);
    const signing = new Set(current.map((verifier) => verifier.toString()));
    const others = listed.filter(({ verifier }) => !signing.has(verifier.toString()));
    return {
      origin,
      // Without an end: other replicas still sign with it.
      verifiers: [
        ...current,
        ...others.flatMap(({ verifier, until }) => (until === null ? [verifier] : [])),
      ],
      retired: others.flatMap(({ verifier, until }) =>
        until === null ? [] : [{ verifier, untilSize: Number(until) }],
      ),
    };
  }
}

/** A row of the signing keys that the log has listed; its text may have been edited. */
interface ListedKey {
  readonly key: string | null;
  /** The last size that it may have signed; `null` while it is in use. */
  readonly until: string | null;
}

async function listedKeys(query: LogQuery): Promise<ListedKey[]> {
  return query.query<ListedKey[]>(
    `SELECT key, (SELECT min(from_size) FROM audit_signing_keys WHERE from_size > last) AS until
     FROM (SELECT key, max(from_size) AS last FROM audit_signing_keys, unnest(keys) AS key
           GROUP BY key) AS used
     ORDER BY last DESC, key`,
  );
}
