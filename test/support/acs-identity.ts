import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { apiEnvironment } from '../../apps/local/src/api-environment.js';
import { compileCache, repositoryRoot } from './root.js';
import { relaxedTimeouts, type Service } from './service.js';

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the built `acs-identity` as a process of its own.
 *
 * @param environment all of its environment variables but `PATH`; the caller's own are not passed on
 * @param input its standard input
 */
export async function acsIdentity(
  args: readonly string[],
  { environment = {}, input = '' }: { environment?: Record<string, string>; input?: string } = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [`${repositoryRoot}dist/bin/acs-identity.js`, ...args], {
    env: { PATH: process.env.PATH, ...compileCache, ...environment },
  });
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

/** The environment of an operator who uses the running service's database and upstreams. */
export function operatorEnvironment({
  emulator,
  database,
  environment: { HTTPS_PROXY },
}: Service): Record<string, string> {
  return {
    ...apiEnvironment(emulator, database.serviceUrl),
    ...relaxedTimeouts,
    ...(HTTPS_PROXY !== undefined && { HTTPS_PROXY }),
  };
}
