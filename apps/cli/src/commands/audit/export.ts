import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type EntryFormatter, type ExportFormat, EXPORT_FORMATS } from '#libs/audit';
import {
  contextHelp,
  type ContextOptions,
  databaseOption,
  operatorOption,
  operatorReader,
  withAuditLog,
} from './context.js';

interface ExportOptions extends ContextOptions {
  readonly format: ExportFormat;
  readonly fromIndex: number;
  readonly output?: string;
  readonly cursorFile?: string;
}

/** Where lines go. Resolves once they are as safe as the place allows. */
interface Sink {
  readonly write: (text: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

const help = `
With --cursor-file, a run goes on where the last one stopped and adds to --output; one that was cut
off may bring the last entries twice, but passes over none. Each entry has its index and its id.

  acs-identity audit export --format ecs --output audit.ndjson --cursor-file audit.cursor
${contextHelp}`;

/** `acs-identity audit export`: feeds other systems. */
export function exportCommand(): Command {
  return new Command('export')
    .description('Writes entries in the order of their indexes, for a SIEM or an archive.')
    .addOption(
      new Option('--format <format>', 'form of the lines')
        .choices(Object.keys(EXPORT_FORMATS))
        .default('ndjson'),
    )
    .option('--from-index <index>', 'first index to export', wholeNumber, 0)
    .option('--output <path>', 'file to add the lines to; standard output unless given')
    .option('--cursor-file <path>', 'file that keeps where the next run goes on')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText('after', help)
    .action(exportLog);
}

async function exportLog(options: ExportOptions): Promise<void> {
  const { format, output, cursorFile } = options;
  const fromIndex = (await readCursor(cursorFile)) ?? options.fromIndex;
  const form: EntryFormatter = EXPORT_FORMATS[format];
  const sink = output === undefined ? standardOutput() : await fileSink(output);
  try {
    await withAuditLog(options, async ({ desk }) => {
      let isHeader = form.header !== undefined && fromIndex > 0;
      for await (const piece of desk.export(operatorReader(options), { format, fromIndex })) {
        // A run that goes on adds to lines that have their header already.
        if (!isHeader) await sink.write(piece.text);
        isHeader = false;
        await writeCursor(cursorFile, piece.nextIndex);
      }
    });
  } finally {
    await sink.close();
  }
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

function standardOutput(): Sink {
  return {
    write: async (text) =>
      new Promise((resolve, reject) => {
        process.stdout.once('error', reject);
        process.stdout.write(text, (error) => {
          process.stdout.off('error', reject);
          if (error) reject(error);
          else resolve();
        });
      }),
    close: async () => Promise.resolve(),
  };
}

async function readCursor(path: string | undefined): Promise<number | undefined> {
  if (path === undefined) return undefined;
  try {
    return wholeNumber((await readFile(path, 'utf8')).trim());
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all. */
async function writeCursor(path: string | undefined, nextIndex: number): Promise<void> {
  if (path === undefined) return;
  await writeFile(`${path}.new`, `${nextIndex}\n`);
  await rename(`${path}.new`, path);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
