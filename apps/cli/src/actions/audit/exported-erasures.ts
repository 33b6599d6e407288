import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { type AuditEntry, tryParseAuditEntry } from '#libs/audit';

/** What an export says about erasures. */
export interface ExportedErasures {
  /** How many entries of any action the export has. */
  readonly entries: number;
  readonly erasures: readonly AuditEntry[];
}

/**
 * Reads the erasures of an export in the format `ndjson`, line after line. Only the first line, the last
 * one and those of erasures are parsed, so that large exports are read fast.
 *
 * @throws Error that names the line and says what to do, for a file of another format, a compressed one,
 * one that was cut off and one without entries
 */
export async function exportedErasures(path: string): Promise<ExportedErasures> {
  const erasures: AuditEntry[] = [];
  let [number, entries] = [0, 0];
  let last = { line: '', number: 0 };
  for await (const line of createInterface({ input: createReadStream(path) })) {
    number += 1;
    if (line.trim() === '') continue;
    last = { line, number };
    if (isSummary(line)) continue;
    const isRead = entries === 0 ? parse(line) !== undefined : line.startsWith('{');
    if (!isRead) throw notAnEntry(last.number, path);
    entries += 1;
    if (!line.includes('"audit.erase"')) continue;
    const entry = parse(line)?.entry;
    if (!entry) throw notAnEntry(last.number, path);
    if (isErasure(entry)) erasures.push(entry);
  }
  if (entries === 0) throw new Error(`${path} has no entries. ${FIX}`);
  if (!isSummary(last.line) && !parse(last.line)) throw notAnEntry(last.number, path);
  return { entries, erasures };
}

export function isErasure({ action }: AuditEntry): boolean {
  return action === 'audit.erase';
}

const FIX = 'Give an uncompressed export of acs-identity audit export --format ndjson.';

function notAnEntry(number: number, path: string): Error {
  return new Error(`Line ${number} of ${path} is no entry of an export. ${FIX}`);
}

/** The last line of an export that was made with a summary. */
function isSummary(line: string): boolean {
  return line.startsWith('{"summary":');
}

/** @returns `undefined` for a line that no export has; without `entry` for an entry that is damaged in the log */
function parse(line: string): { readonly entry: AuditEntry | undefined } | undefined {
  try {
    const { entry: value, isDamaged } = JSON.parse(line) as Record<string, unknown>; // any JSON
    const entry = tryParseAuditEntry(Buffer.from(JSON.stringify(value ?? null)));
    return entry || isDamaged === true ? { entry } : undefined;
  } catch {
    return undefined;
  }
}
