import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { apiEnvironment } from '../../apps/local/src/api-environment.js';
import { relaxedTimeouts, type Service } from './service.js';

// Built, this file stands in dist/test/support.
const root = import.meta.url.includes('/dist/') ? '../../../' : '../../';
const command = fileURLToPath(new URL(`${root}dist/bin/acs-identity.js`, import.meta.url));

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `acs-identity` as a process of its own, with nothing in its environment but what is given. */
export async function acsIdentity(
  args: readonly string[],
  { environment = {}, input = '' }: { environment?: Record<string, string>; input?: string } = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [command, ...args], {
    env: { PATH: process.env.PATH, ...environment },
  });
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

/** The environment of an operator beside the running service. */
export function operatorEnvironment({ emulator, database }: Service): Record<string, string> {
  return { ...apiEnvironment(emulator, database.serviceUrl), ...relaxedTimeouts };
}
