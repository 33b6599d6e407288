import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';

/** More digits are not exact as numbers. */
const MOST = 999_999_999_999_999;

/** `--database-url`, for the role that the command needs. */
export function databaseOption(
  variable = 'DATABASE_URL',
  role = 'the role that the api works as',
): Option {
  return new Option('--database-url <url>', `PostgreSQL address, for ${role}`)
    .env(variable)
    .makeOptionMandatory();
}

/** `--operator`: the name under which the audit log records what a command does. */
export function operatorOption(): Option {
  return new Option('--operator <name>', 'name that the audit log records').default(
    userName(),
    'the user of this machine',
  );
}

/** A user of a container platform may have a number alone. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

/** `--yes`, for what can't be undone. */
export function yesOption(): Option {
  return new Option('--yes', 'do not ask for confirmation');
}

/** Parses the value of an option. */
export function wholeNumber(text: string): number {
  return wholeNumberFrom(0, MOST)(text);
}

/** The same, of an option with bounds, which are inclusive. */
export function wholeNumberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

/** Whether a text begins with a day that the calendar has: `Date` takes 31 February for 3 March. */
export function isCalendarDay(text: string): boolean {
  const day = text.slice(0, 10);
  const time = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(day);
}

/** Marks the required options in the help of a command and of those below it. */
export function markRequiredOptions(command: Command): void {
  for (const option of command.options) {
    if (option.mandatory) option.description += ' (required)';
  }
  for (const subcommand of command.commands) markRequiredOptions(subcommand);
}

/** Help and version of a command and of those below it. */
export function printHelpThrough(command: Command, writeOut: (text: string) => void): void {
  command.configureOutput({ writeOut });
  for (const subcommand of command.commands) printHelpThrough(subcommand, writeOut);
}

/** Lets a usage error name its remedy: the commands of a group, or the options of a command. */
export function explainUsageErrors(command: Command, parents: readonly string[] = []): void {
  const path = [...parents, command.name()];
  command.configureHelp({ showGlobalOptions: true });
  if (command.commands.length > 0) {
    command.showHelpAfterError();
    for (const subcommand of command.commands) explainUsageErrors(subcommand, path);
    return;
  }
  command.showHelpAfterError(`See ${path.join(' ')} --help.`);
  command.configureOutput({
    outputError: (text, write) => {
      const missing = /required option '(\S+) /.exec(text)?.[1];
      const variable = command.options.find(({ long }) => long === missing)?.envVar;
      write(variable === undefined ? text : `${text.trimEnd()}: give it, or set ${variable}\n`);
    },
  });
}
