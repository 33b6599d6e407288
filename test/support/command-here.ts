import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { type Command, CommanderError } from 'commander';
import { vi } from 'vitest';
import { exitCodeFor, explain } from '../../apps/cli/src/errors.js';
import { createProgram } from '../../apps/cli/src/program.js';
import { standardOutput } from '../../apps/cli/src/standard-output.js';
import type { CommandResult } from './acs-identity.js';

/**
 * Runs a command of `acs-identity` in this process, for a tenth of the CPU time that a process of its own costs.
 * Not for standard input: `acsIdentity`.
 *
 * @param environment all of its environment variables but `PATH`; `NODE_EXTRA_CA_CERTS` has its effect
 */
export async function commandHere(
  args: readonly string[],
  { environment = {} }: { environment?: Record<string, string> } = {},
): Promise<CommandResult> {
  const { env, exitCode } = process;
  const authorities = tls.getCACertificates('default');
  const { NODE_EXTRA_CA_CERTS: file } = environment;
  let stderr = '';
  const stdout = vi.spyOn(standardOutput, 'write').mockReturnValue();
  const errors = [
    vi.spyOn(console, 'error').mockImplementation((line: unknown) => {
      stderr += `${String(line)}\n`;
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      stderr += String(text);
      return true;
    }),
  ];
  process.env = { PATH: env.PATH, ...environment };
  process.exitCode = undefined;
  if (file !== undefined) {
    tls.setDefaultCACertificates([...authorities, readFileSync(file, 'utf8')]);
  }
  try {
    await throwing(createProgram()).parseAsync([...args], { from: 'user' });
  } catch (error) {
    const isUsage = error instanceof CommanderError; // commander has said it
    if (!isUsage) stderr += `${explain(error)}\n`;
    process.exitCode = isUsage ? error.exitCode : exitCodeFor(error);
  }
  const code = process.exitCode ?? 0;
  const result = { code, stdout: stdout.mock.calls.flat().join(''), stderr };
  for (const spy of [stdout, ...errors]) spy.mockRestore();
  if (file !== undefined) tls.setDefaultCACertificates(authorities);
  process.env = env;
  process.exitCode = exitCode;
  return result;
}

/** A program that does not end this process. */
function throwing(command: Command): Command {
  command.exitOverride();
  command.commands.forEach(throwing);
  return command;
}
