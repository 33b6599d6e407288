import { createInterface } from 'node:readline/promises';

/** @throws unless the operator agrees, at the terminal or by `--yes` */
export async function confirm(question: string, options: { readonly yes?: true }): Promise<void> {
  if (options.yes) return;
  if (!process.stdin.isTTY) throw new Error(`${question} This can't be undone: repeat with --yes.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} This can't be undone. Type "yes": `);
  terminal.close();
  if (answer.trim() !== 'yes') throw new Error('Nothing was done.');
}
