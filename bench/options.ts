import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

type Value = number | string | boolean;
type Options<Defaults> = {
  readonly [Name in keyof Defaults]: Defaults[Name] extends number
    ? number
    : Defaults[Name] extends boolean
      ? boolean
      : string;
};

/**
 * Reads the options of a benchmark. Exits with 0 after `--help`, which prints what the head of its source
 * says, and with 2 on an unknown option and on a number that is none.
 *
 * @param url of the benchmark's module
 * @param defaults by option: a positive integer, or 0 for none; a text; or false
 * @param words what may be given besides options
 */
export function benchmarkOptions<const Defaults extends Readonly<Record<string, Value>>>(
  url: string,
  defaults: Defaults,
  words: readonly string[] = [],
): Options<Defaults> & { readonly words: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: words.length > 0,
      options: Object.fromEntries(
        [...Object.entries(defaults), ['help', false] as const].map(([option, value]) => {
          const type = typeof value === 'boolean' ? ('boolean' as const) : ('string' as const);
          return [option, option === 'help' ? { type, short: 'h' } : { type }];
        }),
      ),
    });
    if (values.help === true) {
      console.log(headOf(url));
      process.exit(0);
    }
    for (const word of positionals) {
      if (!words.includes(word)) throw new Error(`'${word}' is none of ${words.join(', ')}`);
    }
    const options = Object.entries(defaults).map(([option, byDefault]) => {
      const value = values[option];
      if (value === undefined) return [option, byDefault];
      return [option, typeof byDefault === 'number' ? positiveInteger(option, value) : value];
    });
    return { ...(Object.fromEntries(options) as Options<Defaults>), words: positionals };
  } catch (error) {
    const [message = ''] = (error instanceof Error ? error.message : String(error)).split('. ');
    return exitAfterMisuse(url, message);
  }
}

function positiveInteger(option: string, value: unknown): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new Error(`--${option} must be a positive integer, not '${String(value)}'`);
}

/** Says what is wrong with an option that is no number, and exits with 2. */
export function exitAfterMisuse(url: string, message: string): never {
  console.error(`${nameOf(url)}: ${message}; see --help`);
  process.exit(2);
}

function nameOf(url: string): string {
  return basename(fileURLToPath(url), '.js');
}

/** The comment at the head of a benchmark's source. */
function headOf(url: string): string {
  const path = `../../bench/${nameOf(url)}.ts`;
  const source = readFileSync(new URL(path, import.meta.url), 'utf8');
  const [, head = ''] = /^\/\*\*\n([^]*?)\n \*\//.exec(source) ?? [];
  return head.replaceAll(/^ \* ?/gm, '');
}
