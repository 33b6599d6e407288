import { createInterface } from 'node:readline/promises';
import { Option } from 'commander';

/** `--yes`, for what can't be undone. */
export function yesOption(): Option {
  return new Option('--yes', 'do not ask');
}

/** @throws unless the operator agrees */
export async function confirm(question: string, options: { readonly yes?: true }): Promise<void> {
  if (options.yes) return;
  if (!process.stdin.isTTY) throw new Error(`${question} This can't be undone: repeat with --yes.`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`${question} This can't be undone. Type "yes": `);
  lines.close();
  if (answer.trim() !== 'yes') throw new Error('Nothing was done.');
}
