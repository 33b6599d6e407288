import { Injectable } from '@nestjs/common';
import {
  BeyondRetirement,
  openCheckpoint,
  ProofMismatch,
  TransparencyLogError,
  verifyContinuation,
} from '#libs/transparency-log';
import { LogKeys } from './log-keys.js';
import { LogReader } from './log-reader.js';

/** Proves that the log continues a checkpoint that is kept outside the database. */
@Injectable()
export class LogContinuation {
  constructor(
    private readonly keys: LogKeys,
    private readonly reader: LogReader,
  ) {}

  /**
   * Verifies the signatures of both checkpoints, and by a consistency proof that the newer tree continues the
   * older one. Size alone proves nothing: a fork is soon as long as the log was.
   *
   * @param kept was read from the place outside
   * @returns what is wrong with the log or with the kept checkpoint; `undefined` when the log continues it
   */
  async faultOf(kept: string, newest: string): Promise<string | undefined> {
    const trust = await this.keys.trust();
    try {
      const older = openCheckpoint(kept, trust).checkpoint;
      const newer = openCheckpoint(newest, trust).checkpoint;
      if (older.size > newer.size)
        return `a checkpoint of ${older.size} entries, but the log has ${newer.size}: the database was rolled back`;
      await verifyContinuation(older, newer, async (address) => this.reader.tile(address));
      return undefined;
    } catch (error) {
      if (error instanceof ProofMismatch)
        return 'a checkpoint that the log does not continue: it is another log than before';
      if (error instanceof BeyondRetirement)
        return `a checkpoint of ${error.size} entries, but the log was continued from ${error.untilSize}: the database was restored to before`;
      if (error instanceof TransparencyLogError)
        return 'a checkpoint that no key of this log signed';
      throw error;
    }
  }
}
