import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { TileDirectory } from '#libs/audit';
import { HttpLog } from './http-log.js';
import { progressBar } from './progress.js';

interface CopyOptions {
  readonly url: string;
  readonly folder: string;
  readonly tokenFile?: string;
  readonly token?: string;
}

const help = `
The copy is laid out as C2SP tlog-tiles says, so that other tools can read it. A copy that was cut off
is finished by the next run; later runs add what is new. Then: acs-identity audit verify --folder …
The token must carry AuditLog.Read.All and be one of the home tenant.`;

/** `acs-identity audit copy`: the log as files, for whoever has but a token. */
export function copyCommand(): Command {
  return (
    new Command('copy')
      .description('Copies the log from a running service into a folder, to verify it there.')
      .requiredOption('--url <url>', 'address of the service, such as https://identity.example.com')
      .requiredOption('--folder <path>', 'where the files go; it is created')
      .option('--token-file <path>', 'file that holds the bearer token')
      // Not an option of its own: command lines are seen by every user of the machine.
      .addOption(new Option('--token <token>').env('ACS_IDENTITY_TOKEN').hideHelp())
      .addHelpText('after', `\nThe token may also stand in ACS_IDENTITY_TOKEN.${help}`)
      .action(async ({ url, folder, tokenFile, token }: CopyOptions) => {
        const bearer = tokenFile === undefined ? token : readFileSync(tokenFile, 'utf8').trim();
        const bar = progressBar('entries');
        const log = new HttpLog(url, bearer);
        const size = await new TileDirectory(folder).copy(log, bar.show).finally(bar.end);
        console.log(`The copy has ${size} entries.`);
      })
  );
}
