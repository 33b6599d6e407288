import type { Command } from 'commander';
import { createProgram } from '../apps/cli/src/program.js';

/** `docs/cli.md`: the help of every command, as the terminal shows it. */
export function commandLinePage(): string {
  return [
    '# Command line',
    'The operators’ command `acs-identity`. `npm run -s acs-identity -- <command>` runs it in a checkout, `node dist/bin/acs-identity.js <command>` in the image. `npm run documents` generates this page from the commands.',
    // The help names the option, not the version.
    ...sectionsOf(createProgram().version('any')),
  ]
    .join('\n\n')
    .concat('\n');
}

function sectionsOf(command: Command, parents: readonly string[] = []): string[] {
  const path = [...parents, command.name()];
  const sections = command.commands.flatMap((subcommand) => sectionsOf(subcommand, path));
  return [`## ${path.join(' ')}`, `\`\`\`text\n${helpOf(command)}\n\`\`\``, ...sections];
}

function helpOf(command: Command): string {
  let help = '';
  command.configureHelp({ showGlobalOptions: false });
  command.configureOutput({
    writeOut: (text) => (help += text),
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return help.trimEnd();
}
