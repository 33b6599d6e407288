import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  copyFile,
  cp,
  link,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { randomInt, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { z } from 'zod';
import { DEFAULT_PORTS } from '../../apps/local/src/local-ports.js';
import { compileCache, repositoryRoot } from './root.js';

export interface Run {
  readonly child: ChildProcess;
  /** Everything that it printed so far. */
  output(): string;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/**
 * A copy of a folder whose files nobody writes to: of hard links, where the file system allows them. To copy
 * the files takes ten times as long.
 */
async function linkAll(from: string, to: string): Promise<void> {
  await mkdir(to);
  const entries = await readdir(from, { withFileTypes: true });
  await Promise.all(
    entries.map(async (entry) => {
      const [file, copy] = [join(from, entry.name), join(to, entry.name)];
      if (entry.isDirectory()) await linkAll(file, copy);
      else await link(file, copy).catch(async () => copyFile(file, copy));
    }),
  );
}

/** A command in a terminal of its own. */
export function inTerminal(command: string): string[] {
  return ['script', '-qec', command, '/dev/null'];
}

/** A copy of the built project in a temporary folder, with a `.local/` of its own. */
export class ProjectCopy implements AsyncDisposable {
  /** In the environment of each process that is started here, and of what they start. */
  readonly #mark = randomUUID();

  private constructor(readonly folder: string) {}

  /**
   * @param parts what to copy, below the project's folder
   * @param isWatched whether Node's watch mode runs here: to it, a link that another copy makes or removes is a
   *   change of the file
   */
  static async create(parts: readonly string[], isWatched = false): Promise<ProjectCopy> {
    const copy = new ProjectCopy(await mkdtemp(join(tmpdir(), 'project-')));
    await chmod(copy.folder, 0o755);
    for (const part of parts) {
      const [from, to] = [join(repositoryRoot, part), join(copy.folder, part)];
      if (part === 'node_modules') await symlink(from, to);
      else if (part === 'dist' && !isWatched) await linkAll(from, to);
      else await cp(from, to, { recursive: true });
    }
    return copy;
  }

  /** A copy whose `npm start` builds nothing, on ports of its own. Node's watch mode may run in it. */
  static async ofLocalEnvironment(): Promise<ProjectCopy> {
    const copy = await ProjectCopy.create(['dist', 'package.json', 'node_modules'], true);
    await copy.takeOwnPorts();
    const file = join(copy.folder, 'package.json');
    const { imports } = z
      .looseObject({ imports: z.unknown() })
      .parse(JSON.parse(readFileSync(file, 'utf8')));
    const scripts = { start: 'exec node dist/apps/local/src/main.js' };
    await writeFile(file, JSON.stringify({ type: 'module', scripts, imports }));
    return copy;
  }

  get main(): string {
    return join(this.folder, 'dist/apps/local/src/main.js');
  }

  /** Gives the local environment ports of its own: specs that start one run at the same time. */
  async takeOwnPorts(): Promise<void> {
    // Below those that systems give to outgoing connections.
    const offset = 20 * randomInt(350, 1_400);
    const ports = Object.entries<number>({ ...DEFAULT_PORTS });
    const moved = Object.fromEntries(ports.map(([name, port]) => [name, port + offset]));
    await mkdir(join(this.folder, '.local'), { recursive: true });
    await writeFile(join(this.folder, '.local/ports.json'), JSON.stringify(moved));
  }

  /** Runs a program in the copy. */
  run(
    command: readonly string[],
    options: {
      readonly environment?: Readonly<Record<string, string>>;
      readonly cwd?: string;
      readonly uid?: number;
      /** Default: `/dev/null`. */
      readonly hasInput?: boolean;
    } = {},
  ): Run {
    const { environment = {}, cwd = this.folder, uid, hasInput = false } = options;
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      cwd,
      env: {
        ...{ PATH: process.env.PATH, HOME: tmpdir(), PORT: '0', MARK: this.#mark },
        ...compileCache,
        ...environment,
      },
      stdio: [hasInput ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
    }
    const ended = once(child, 'close').then(
      ([code, signal]) => (code ?? signal) as number | string,
    );
    return { child, output: () => output, ended };
  }

  /** Waits until the local environment has started, in hooks too. */
  async untilReady(run: Run): Promise<void> {
    const isReady = (): void => {
      expect(run.output()).toContain('Ready: ');
    };
    await vi.waitFor(isReady, { timeout: 100_000, interval: 100 });
  }

  /** Waits until no process that was started here, or by such a one, is running. */
  async untilNothingRuns(): Promise<void> {
    // A machine has hundreds of processes: those of others are examined once.
    const others = new Set<string>();
    await expect.poll(() => this.#running(others), { timeout: 40_000 }).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { processId } of this.#running()) process.kill(processId, 'SIGKILL');
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  /** @param others processes that are known to be others', by id; those that are found are added */
  #running(others = new Set<string>()): { processId: number; command: string }[] {
    const found = [];
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name) || others.has(name)) continue;
      const environment = readOrNothing(`/proc/${name}/environ`);
      if (environment.includes(this.#mark)) {
        const command = readOrNothing(`/proc/${name}/cmdline`).replaceAll('\0', ' ');
        found.push({ processId: Number(name), command });
      } else if (environment !== '') {
        // Empty is also that of a process which is about to run another program.
        others.add(name);
      }
    }
    return found;
  }
}

/** A process may end at any time. Synchronous, because a thread for each read costs several times as much. */
function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
