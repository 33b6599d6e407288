import { readFile } from 'node:fs/promises';
import {
  AuditLogService,
  type EntryFilter,
  type EntryFormatter,
  EXPORT_FORMATS,
  type ExportFormat,
} from '#libs/audit';
import { auditPart, type CompositionOptions } from '#libs/composition';
import { errorCode, replaceFile } from '#libs/platform';
import { operatorActor, type OperatorOptions, withPart } from '../service-part.js';
import { knownFilter } from './known-filter.js';
import { LineFile } from './line-file.js';
import { standardOutput } from '../../standard-output.js';

export type { ExportFormat };

export interface ExportOptions extends OperatorOptions {
  readonly filter: EntryFilter;
  readonly format: ExportFormat;
  readonly fromIndex: number;
  readonly output?: string;
  readonly cursorFile?: string;
}

/** Writes entries and, after each piece, the index at which the next run continues. */
export async function exportLog(
  options: ExportOptions,
  composition: CompositionOptions,
): Promise<void> {
  const { format, output, cursorFile, databaseUrl } = options;
  const fromIndex = (await readCursor(cursorFile)) ?? options.fromIndex;
  const { header }: EntryFormatter = EXPORT_FORMATS[format];
  await withPart(auditPart, databaseUrl, composition, async (service) => {
    const reader = { actor: operatorActor(options) };
    const log = service.get(AuditLogService);
    const filter = await knownFilter(options.filter, log, reader);
    const isContinued = cursorFile !== undefined;
    const file = output === undefined ? undefined : await LineFile.open(output, { isContinued });
    try {
      const chunks = log.export(reader, { ...filter, format, fromIndex });
      // A run that continues appends to lines that have their header already.
      let isHeader = header !== undefined && (fromIndex > 0 || file?.isEmpty === false);
      for await (const { text, nextIndex } of chunks) {
        if (!isHeader) await write(file, text);
        isHeader = false;
        await writeCursor(cursorFile, nextIndex);
      }
    } finally {
      await file?.close();
    }
  });
}

async function write(file: LineFile | undefined, text: string): Promise<void> {
  if (file) await file.append(text);
  else standardOutput.write(text);
}

async function readCursor(path: string | undefined): Promise<number | undefined> {
  if (path === undefined) return undefined;
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text.trim())) throw new Error(`${path} does not hold an index.`);
  return Number(text);
}

/** Replaces the file as a whole, so that a crash leaves the old index or the new one. */
async function writeCursor(path: string | undefined, nextIndex: number): Promise<void> {
  if (path === undefined) return;
  await replaceFile(path, `${nextIndex}\n`);
}
