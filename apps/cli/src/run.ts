import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { createProgram } from './program.js';

/** The program `acs-identity`: runs the command of the process's arguments. */
export async function run(): Promise<void> {
  const program = createProgram().version(ownVersion());
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
