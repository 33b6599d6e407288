import { Injectable } from '@nestjs/common';
import { ReadingDatabase } from '#libs/platform';
import {
  type Checkpoint,
  hashLeaf,
  openCheckpoint,
  TransparencyLogError,
  verifyInclusion,
} from '#libs/transparency-log';
import { tryParseAuditEntry } from '../entry/audit-entry.js';
import { LogKeys } from '../log/log-keys.js';
import { LogReader } from '../log/log-reader.js';
import type { Finding } from './verified-part.js';

/** Of entries with the words of a finding: rows that anybody added must not take the time of the checks. */
const MAX_ENTRIES = 200;

/** An entry `audit.damage` of the log. */
interface RecordedFinding {
  readonly index: number;
  readonly part: string;
  readonly kind: string;
  readonly detail: string;
}

/** Reads from the log what was recorded in it: an entry counts with a proof that the signed tree has it. */
@Injectable()
export class RecordedFindings {
  constructor(
    private readonly database: ReadingDatabase,
    private readonly log: LogReader,
    private readonly keys: LogKeys,
  ) {}

  /**
   * The entries about these findings of a part, newest first.
   *
   * @throws AuditUnavailable when the log does not continue what this process saw before
   */
  async of(part: string, findings: readonly Finding[]): Promise<RecordedFinding[]> {
    const rows = await this.database.query<{ index: string; leaf: Buffer }>(
      `SELECT entry_index AS index, leaf FROM audit_entry
       WHERE action = 'audit.damage' AND reason_detail = ANY($1::text[])
       ORDER BY entry_index DESC LIMIT ${MAX_ENTRIES}`,
      [findings.map(({ detail }) => detail)],
    );
    if (rows.length === 0) return [];
    const checkpoint = await this.#checkpoint();
    if (!checkpoint) return [];
    const recorded: RecordedFinding[] = [];
    for (const row of rows) {
      const index = Number(row.index);
      const { action, reason, details } = tryParseAuditEntry(row.leaf) ?? {};
      if (action !== 'audit.damage' || details?.part !== part) continue;
      if (!(await this.#isInTree(index, row.leaf, checkpoint))) continue;
      recorded.push({ index, part, kind: String(details.kind), detail: reason?.detail ?? '' });
    }
    return recorded;
  }

  /** @returns `undefined` when the log did not sign its newest head, so that nothing is proven */
  async #checkpoint(): Promise<Checkpoint | undefined> {
    const { checkpoint } = await this.log.checkpoint();
    // Read afterwards: it ends a key where the newest checkpoint has another one.
    const trust = await this.keys.trust();
    try {
      return openCheckpoint(checkpoint, trust).checkpoint;
    } catch (error) {
      if (error instanceof TransparencyLogError) return undefined;
      throw error;
    }
  }

  async #isInTree(index: number, leaf: Buffer, { size, root }: Checkpoint): Promise<boolean> {
    if (index < 0 || index >= size) return false;
    try {
      const proof = await this.log.tree(size).inclusionProof(index);
      verifyInclusion({ index, size, leafHash: hashLeaf(leaf), proof, root });
      return true;
    } catch (error) {
      if (error instanceof TransparencyLogError) return false;
      throw error;
    }
  }
}
