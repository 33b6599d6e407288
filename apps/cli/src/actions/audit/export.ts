import { open, readFile } from 'node:fs/promises';
import {
  AuditLogService,
  type EntryFilter,
  type EntryFormatter,
  EXPORT_FORMATS,
  type ExportFormat,
} from '#libs/audit';
import { auditPart, type CompositionOptions } from '#libs/composition';
import { replaceFile } from '#libs/platform';
import { operatorActor, type OperatorOptions, withPart } from '../service-part.js';
import { knownFilter } from './known-filter.js';
import { standardOutput } from '../../standard-output.js';

export type { ExportFormat };

export interface ExportOptions extends OperatorOptions {
  readonly filter: EntryFilter;
  readonly format: ExportFormat;
  readonly fromIndex: number;
  readonly output?: string;
  readonly cursorFile?: string;
}

/** Where lines are written. A write resolves once the lines are as durable as the place allows. */
interface Sink {
  readonly write: (text: string) => Promise<void>;
  readonly close: () => Promise<void>;
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
    const sink = output === undefined ? toStandardOutput() : await fileSink(output);
    try {
      const chunks = log.export(reader, { ...filter, format, fromIndex });
      // A run that continues appends to lines that have their header already.
      let isHeader = header !== undefined && fromIndex > 0;
      for await (const { text, nextIndex } of chunks) {
        if (!isHeader) await sink.write(text);
        isHeader = false;
        await writeCursor(cursorFile, nextIndex);
      }
    } finally {
      await sink.close();
    }
  });
}

async function fileSink(path: string): Promise<Sink> {
  const file = await open(path, 'a', 0o600);
  return {
    write: async (text) => {
      await file.appendFile(text);
      await file.datasync();
    },
    close: async () => file.close(),
  };
}

function toStandardOutput(): Sink {
  return {
    write: async (text) => {
      standardOutput.write(text);
      return Promise.resolve();
    },
    close: async () => Promise.resolve(),
  };
}

async function readCursor(path: string | undefined): Promise<number | undefined> {
  if (path === undefined) return undefined;
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
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
