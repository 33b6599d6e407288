import { writeSync } from 'node:fs';
import { errorCode } from '#libs/platform';

const STANDARD_OUTPUT = 1;
/** Before a write to a pipe that is full is repeated. */
const FULL_PIPE_PAUSE_MS = 5;

const REASONS: Readonly<Record<string, string>> = {
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'the file may not be larger',
  ENOSPC: 'no space left on device',
  EPIPE: 'its reader has closed it',
};

/** Standard output took not all that a command printed. */
export class StandardOutputFailed extends Error {
  override readonly name = 'StandardOutputFailed';

  constructor(error: unknown) {
    const reason =
      REASONS[errorCode(error) ?? ''] ?? (error instanceof Error ? error.message : String(error));
    super(`Standard output could not be written: ${reason}. What it has is incomplete.`);
  }
}

/**
 * Standard output of every command. `process.stdout` ignores that a file took a part of a text only, and
 * `console.log` ignores every failure.
 */
export const standardOutput = {
  /** Returns when all of the text is written. @throws StandardOutputFailed */
  write: (text: string): void => {
    let rest: Uint8Array = Buffer.from(text);
    while (rest.length > 0) rest = rest.subarray(writeSome(rest));
  },
};

/** Prints a line. @throws StandardOutputFailed */
export function print(line: string): void {
  standardOutput.write(`${line}\n`);
}

/** @returns how many bytes were written */
function writeSome(bytes: Uint8Array): number {
  try {
    return writeSync(STANDARD_OUTPUT, bytes);
  } catch (error) {
    if (errorCode(error) !== 'EAGAIN') throw new StandardOutputFailed(error);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
    return 0;
  }
}
