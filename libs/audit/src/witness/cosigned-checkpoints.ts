import { Injectable } from '@nestjs/common';
import { type Database, ReadingDatabase } from '#libs/platform';
import { MalformedNote, parseNote } from '#libs/transparency-log';
import type { SignedHead } from '../postgres/log-queries.js';

/** A checkpoint that a quorum of witnesses cosigned, with the cosignatures. */
export interface WitnessedCheckpoint extends SignedHead {
  readonly cosignedAt: Date;
}

interface Row {
  readonly size: string;
  readonly checkpoint: string;
  readonly cosignatures: string;
  readonly cosigned_at: Date;
}

/** Checkpoints with a quorum that are looked through for one whose row is whole. */
const MAX_CANDIDATES = 16;

/**
 * What the witnesses cosigned. Readers verify it themselves; lines that are no signatures are as if there were
 * none, so that witnesses are requested again.
 */
@Injectable()
export class CosignedCheckpoints {
  constructor(private readonly database: ReadingDatabase) {}

  /** The signature lines of witnesses on the checkpoint of a size; empty when there are none. */
  async cosignatures(size: number): Promise<string> {
    const [row] = await this.database.query<Row>(
      `SELECT checkpoint, cosignatures FROM audit_cosigned_checkpoint JOIN audit_head USING (size)
       WHERE size = $1`,
      [size],
    );
    return row && isNote(row) ? row.cosignatures : '';
  }

  /** The newest checkpoint that had a quorum by the policy of the service. */
  async newest(): Promise<WitnessedCheckpoint | undefined> {
    return readWitnessedCheckpoint(this.database);
  }

  /** Stores the cosignatures of a checkpoint. Drops those of older ones that are of no more use. */
  async save(size: number, cosignatures: string, hasQuorum: boolean): Promise<void> {
    await this.database.transaction(async (transaction) => {
      await transaction.query(
        `INSERT INTO audit_cosigned_checkpoint (size, cosignatures, has_quorum, cosigned_at)
         VALUES ($1, $2, $3, now())
         ON CONFLICT (size) DO UPDATE
         SET cosignatures = excluded.cosignatures, has_quorum = excluded.has_quorum, cosigned_at = now()`,
        [size, cosignatures, hasQuorum],
      );
      await transaction.query(
        'DELETE FROM audit_cosigned_checkpoint WHERE size < $1 AND ($2 OR NOT has_quorum)',
        [size, hasQuorum],
      );
    });
  }
}

/** The newest checkpoint with a quorum and its cosignatures, as the database has them. */
export async function readWitnessedCheckpoint(
  database: Database,
): Promise<WitnessedCheckpoint | undefined> {
  // A time that is still to come would look fresh for ever.
  const rows = await database.query<Row>(
    `SELECT size, checkpoint, cosignatures,
       CASE WHEN cosigned_at <= now() THEN cosigned_at ELSE to_timestamp(0) END AS cosigned_at
     FROM audit_cosigned_checkpoint JOIN audit_head USING (size)
     WHERE has_quorum ORDER BY size DESC LIMIT ${MAX_CANDIDATES}`,
  );
  const row = rows.find(isNote);
  if (!row) return undefined;
  const { size, checkpoint, cosignatures, cosigned_at: cosignedAt } = row;
  return { size: Number(size), checkpoint: checkpoint + cosignatures, cosignedAt };
}

function isNote({ checkpoint, cosignatures }: Row): boolean {
  try {
    parseNote(checkpoint + cosignatures);
    return true;
  } catch (error) {
    if (error instanceof MalformedNote) return false;
    throw error;
  }
}
