import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TreeHead } from '#libs/transparency-log';
import { FolderInUse } from './errors.js';

const SQLITE_BUSY = 5;

/**
 * The newest checkpoint that the witness cosigned of each log, in an SQLite file of the witness's folder.
 *
 * What `save` wrote is on the disk when it returns, whole or not at all. A lock of the operating system,
 * which ends with the process, keeps other processes out: two that cosign from two memories could cosign two
 * logs of one name.
 */
export class WitnessStore {
  private constructor(private readonly database: DatabaseSync) {}

  /** @throws FolderInUse while another process has the folder */
  static open(folder: string): WitnessStore {
    const database = new DatabaseSync(join(folder, 'checkpoints.sqlite'));
    try {
      database.exec('PRAGMA locking_mode = EXCLUSIVE');
      database.exec('PRAGMA synchronous = EXTRA');
      // The lock is taken by the first transaction and stays until the end.
      database.exec(`BEGIN EXCLUSIVE;
        CREATE TABLE IF NOT EXISTS checkpoint (
          origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL
        ) STRICT;
        COMMIT`);
    } catch (cause) {
      database.close();
      if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) {
        throw new FolderInUse(folder, { cause });
      }
      throw cause;
    }
    return new WitnessStore(database);
  }

  /** @returns `undefined` when no checkpoint of the log was cosigned */
  latest(origin: string): TreeHead | undefined {
    const row = this.database
      .prepare('SELECT size, root FROM checkpoint WHERE origin = ?')
      .get(origin);
    return row && { size: Number(row.size), root: row.root as Uint8Array }; // STRICT: a BLOB
  }

  /** @param note the signed checkpoint, which proves what the log claimed */
  save(origin: string, { size, root }: TreeHead, note: string): void {
    this.database
      .prepare(
        `INSERT INTO checkpoint VALUES (?, ?, ?, ?)
         ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note`,
      )
      .run(origin, size, root, note);
  }

  close(): void {
    this.database.close();
  }
}
