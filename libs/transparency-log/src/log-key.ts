import { parseDecimal } from './canonical-text.js';
import type { CheckpointTrust, RetiredKey } from './checkpoint.js';
import { InvalidKey } from './errors.js';
import { NoteVerifier } from './note-verifier.js';

/**
 * Parses the keys of a log, one a line: `<verifier key>`, or `<verifier key> until <size>` for a retired
 * one. Empty lines are skipped.
 *
 * @throws InvalidKey for any other line
 */
export function parseLogKeys(
  lines: readonly string[],
): Required<Pick<CheckpointTrust, 'verifiers' | 'retired'>> {
  const verifiers: NoteVerifier[] = [];
  const retired: RetiredKey[] = [];
  for (const line of lines.map((text) => text.trim()).filter((text) => text !== '')) {
    const [key = '', until, ...more] = line.split(' until ');
    const verifier = NoteVerifier.parse(key);
    const untilSize = parseDecimal(until ?? '');
    if (until === undefined) verifiers.push(verifier);
    else if (untilSize !== undefined && more.length === 0) retired.push({ verifier, untilSize });
    else throw new InvalidKey('a retired key is <verifier key> until <size>');
  }
  return { verifiers, retired };
}

/** The line of a retired key that `parseLogKeys` reads. */
export function formatRetiredKey({ verifier, untilSize }: RetiredKey): string {
  return `${verifier.toString()} until ${untilSize}`;
}
