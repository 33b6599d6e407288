import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Command } from 'commander';
import { confirm, yesOption } from '../audit/confirm.js';
import { type ContextOptions, databaseOption, operatorOption } from '../audit/context.js';
import { progressBar } from '../audit/progress.js';
import { withIdentities } from './context.js';

const help = `
What this does is recorded in the audit log. So it takes the api's environment variables: KEY_VAULT_URL,
AZURE_CREDENTIAL, AUDIT_LOG_ORIGIN, and ACS_ENDPOINT and the like or ACS_RESOURCES_FILE
(acs-identity config list).`;

interface ImportOptions extends ContextOptions {
  readonly tenant: string;
  readonly provision?: true;
}

interface ExportOptions extends ContextOptions {
  readonly tenant?: string;
  readonly output?: string;
}

interface EraseOptions extends ContextOptions {
  readonly tenant: string;
  readonly subject: string;
  readonly yes?: true;
}

/** `acs-identity identities …`: mappings of any tenant, in bulk and by person. */
export function identitiesCommand(): Command {
  return new Command('identities')
    .description('Imports, exports and erases identities, of any tenant.')
    .addCommand(importCommand())
    .addCommand(exportCommand())
    .addCommand(eraseCommand());
}

function importCommand(): Command {
  return new Command('import')
    .description(
      'Imports identities from lines of JSON: an export, or {"userId", "acsUserIdentity"} of the Authentication Hero sample. Safe to repeat. Exits with 1 when a line failed.',
    )
    .argument('<file>', 'file of lines')
    .requiredOption('--tenant <id>', 'tenant of the lines that name none')
    .option('--provision', 'create identities at ACS for lines without one')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText('after', help)
    .action(async (file: string, options: ImportOptions) => {
      const { tenant, provision = false } = options;
      const summary = await withIdentities(options, async ({ imports, who }) => {
        const bar = progressBar('bytes');
        const chunks = counted(file, (await stat(file)).size, bar.show);
        const results = await imports.run({
          ...{ chunks, tenant, isAnyTenant: true, isProvisioning: provision, ...who },
        });
        for (;;) {
          const next = await results.next();
          if (next.done) {
            bar.end();
            return next.value;
          }
          const { line, error } = next.value;
          if (error) console.error(`line ${line}: ${error.code}: ${error.detail}`);
        }
      });
      const { lines, created, unchanged, failed, isComplete } = summary;
      console.log(`${lines} lines: ${created} created, ${unchanged} unchanged, ${failed} failed.`);
      if (!isComplete) console.error('An outage ended the import early. Import the file again.');
      if (failed > 0) process.exitCode = 1;
    });
}

function exportCommand(): Command {
  return new Command('export')
    .description('Exports identities that are not deleted as lines of JSON.')
    .option('--tenant <id>', 'only those of a tenant')
    .option('--output <file>', 'file to write, which must not exist; left out: standard output')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText('after', help)
    .action(async (options: ExportOptions) => {
      const { tenant, output } = options;
      await withIdentities(options, async ({ exports, who }) => {
        const lines = asText(await exports.run(tenant, who));
        // Names and identities of people: for the operator's eyes alone.
        const target = output && createWriteStream(output, { flags: 'wx', mode: 0o600 });
        if (target) await pipeline(Readable.from(lines), target);
        else await pipeline(Readable.from(lines), process.stdout, { end: false });
      });
    });
}

function eraseCommand(): Command {
  return new Command('erase')
    .description(
      'Deletes all identities of a person, at ACS and here. Safe to repeat. Exits with 1 while ACS has not confirmed all.',
    )
    .requiredOption('--tenant <id>', 'tenant of the person')
    .requiredOption('--subject <id>', 'subject of the person: for Entra, the object id')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addOption(yesOption())
    .addHelpText('after', help)
    .action(async (options: EraseOptions) => {
      const { tenant, subject } = options;
      await confirm(`Delete all identities of ${subject} of tenant ${tenant}?`, options);
      const report = await withIdentities(options, async ({ administration, who }) =>
        administration.erase({ tenant, subject }, who),
      );
      for (const { mapping, problem } of report.mappings) {
        const { resource, communicationUserId, status, deletedAt } = mapping;
        const when = deletedAt ? ` ${deletedAt.toISOString()}` : '';
        const why = problem === undefined ? '' : ` (${problem})`;
        console.log(`${resource} ${communicationUserId ?? 'pending'}: ${status}${when}${why}`);
      }
      const { effectiveWithinMinutes } = report;
      console.log(
        report.isComplete
          ? `Done. ACS may accept tokens issued before for up to ${effectiveWithinMinutes} minutes.`
          : 'Not done yet: the service goes on. Repeat the command to see how far it is.',
      );
      if (!report.isComplete) process.exitCode = 1;
    });
}

async function* counted(
  file: string,
  sizeBytes: number,
  show: (done: number, total: number) => void,
): AsyncGenerator<Uint8Array> {
  let doneBytes = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    yield chunk;
    doneBytes += chunk.length;
    show(doneBytes, sizeBytes);
  }
}

async function* asText(lines: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const line of lines) yield `${JSON.stringify(line)}\n`;
}
