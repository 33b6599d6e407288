import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import type { CompositionOptions } from '#libs/composition';
import { createProgram } from './program.js';

/**
 * The program `acs-identity`, and that of a host: runs the command of the process's arguments. A refusal is
 * explained on standard error, and sets the exit code.
 *
 * @param composition as for `createApi`
 */
export async function run(composition?: CompositionOptions): Promise<void> {
  const program = createProgram(composition).version(ownVersion());
  try {
    await program.parseAsync();
  } catch (error) {
    const { explain, exitCodeFor } = await import('./errors.js');
    process.stderr.write(`${explain(error)}\n`);
    process.exitCode = exitCodeFor(error);
  }
}

function ownVersion(): string {
  const file = findPackageJSON(import.meta.url);
  if (file === undefined) return 'unknown';
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { version?: string };
  return manifest.version ?? 'unknown'; // a file of somebody who has put the program elsewhere
}
