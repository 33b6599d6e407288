import { Injectable } from '@nestjs/common';
import { type Database, ReadingDatabase } from '#libs/platform';
import type { SignedHead } from '../postgres/log-queries.js';

/** A checkpoint that a quorum of witnesses cosigned, with the cosignatures. */
export interface WitnessedCheckpoint extends SignedHead {
  readonly cosignedAt: Date;
}

/** What the witnesses cosigned. Readers verify it themselves. */
@Injectable()
export class CosignedCheckpoints {
  constructor(private readonly database: ReadingDatabase) {}

  /** The signature lines of witnesses on the checkpoint of a size; empty when there are none. */
  async cosignatures(size: number): Promise<string> {
    const [row] = await this.database.query<{ cosignatures: string }>(
      'SELECT cosignatures FROM audit_cosigned_checkpoint WHERE size = $1',
      [size],
    );
    return row?.cosignatures ?? '';
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
  const [row] = await database.query<{ size: string; note: string; cosigned_at: Date }>(
    // A time that no clock shows is that of an edited row.
    `SELECT size, checkpoint || cosignatures AS note,
       CASE WHEN cosigned_at BETWEEN '2000-01-01' AND '2200-01-01' THEN cosigned_at ELSE 'epoch' END AS cosigned_at
     FROM audit_cosigned_checkpoint JOIN audit_head USING (size)
     WHERE has_quorum ORDER BY size DESC LIMIT 1`,
  );
  return row && { size: Number(row.size), checkpoint: row.note, cosignedAt: row.cosigned_at };
}
