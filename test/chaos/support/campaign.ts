import { parseArgs } from 'node:util';
import { Prng } from '../../support/prng.js';

const MAX_SEED = 2 ** 32;
const MAX_PRINTED_FAILURES = 20;

export interface Campaign {
  /** Name of its file, without the extension. */
  readonly name: string;
  /** What it does and what it checks, for `--help`. */
  readonly description: string;
  /** What `--count` counts, and how many by default. */
  readonly count: { readonly of: string; readonly byDefault: number };
}

export interface CampaignOptions {
  readonly count: number;
  readonly seed: number;
  /** Source of all random choices of the campaign, from the seed. */
  readonly prng: Prng;
}

/**
 * Reads `--count` and `--seed` and prints both, so that a run can be repeated.
 *
 * Exits with 0 after `--help`, and with 2 on an unknown option or an invalid value.
 */
export function startCampaign(campaign: Campaign): CampaignOptions {
  const { count, seed = Math.floor(Math.random() * MAX_SEED) } = campaignOptions(campaign);
  const { of, byDefault } = campaign.count;
  console.log(`${campaign.name}: ${count ?? byDefault} ${of}, seed ${seed}`);
  return { count: count ?? byDefault, seed, prng: new Prng(seed) };
}

/** Prints the failures and a closing line `N passed, N failed`. @returns the exit code: 0 or 1 */
export function finishCampaign(passed: number, failures: readonly string[]): number {
  for (const failure of failures.slice(0, MAX_PRINTED_FAILURES)) console.error(`FAILED ${failure}`);
  console.log(`${passed} passed, ${failures.length} failed`);
  return failures.length === 0 ? 0 : 1;
}

/** Like `startCampaign`, without defaults for options that are absent. */
export function campaignOptions(
  campaign: Omit<Campaign, 'count'> & { readonly count: { of: string; byDefault?: number } },
): { readonly count?: number; readonly seed?: number } {
  try {
    const { values } = parseArgs({
      options: {
        count: { type: 'string' },
        seed: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) {
      console.log(helpOf(campaign));
      process.exit(0);
    }
    return {
      ...(values.count !== undefined && { count: integer('count', values.count, 1) }),
      ...(values.seed !== undefined && { seed: integer('seed', values.seed, 0) }),
    };
  } catch (error) {
    const [message] = (error instanceof Error ? error.message : String(error)).split('. ');
    console.error(`${campaign.name}: ${message ?? ''}; see --help`);
    process.exit(2);
  }
}

function integer(name: string, text: string, min: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value < MAX_SEED) return value;
  throw new Error(`--${name} must be an integer from ${min} to ${MAX_SEED - 1}, not '${text}'`);
}

function helpOf({ name, description, count }: Parameters<typeof campaignOptions>[0]): string {
  return [
    `Usage: node dist/test/chaos/${name}.js [--count <number>] [--seed <number>]`,
    '',
    description,
    '',
    `  --count  ${count.of} (default ${count.byDefault ?? "each campaign's own"})`,
    '  --seed   seed of all random choices (default: a random one, which is printed)',
    '  --help   print this text',
  ].join('\n');
}
