import { Inject, Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import { type CheckpointTrust, formatRetiredKey } from '#libs/transparency-log';
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

  /** A stored text that is no key is left out: the verification of the log reports its row. */
  async trust(): Promise<Required<CheckpointTrust>> {
    const current = (await this.signers.current()).map(({ verifier }) => verifier);
    const stored = await this.database.query<{ key: string | null; until: string | null }>(
      `SELECT key, (SELECT min(from_size) FROM audit_signing_keys WHERE from_size > last) AS until
       FROM (SELECT key, max(from_size) AS last FROM audit_signing_keys, unnest(keys) AS key
             GROUP BY key) AS used
       ORDER BY last DESC, key`,
    );
    const signing = new Set(current.map((verifier) => verifier.toString()));
    const others = stored.flatMap(({ key, until }) => {
      const verifier = key !== null && signing.has(key) ? undefined : tryParseKey(key);
      return verifier ? [{ verifier, until }] : [];
    });
    return {
      origin: this.settings.origin,
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
