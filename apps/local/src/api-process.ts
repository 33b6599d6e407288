import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The api as users run it: a process of its own, configured by its environment only. */
export interface ApiProcess {
  /** Address without a path. */
  readonly url: string;
  readonly process: ChildProcess;
  /** Milliseconds from the start of the process until it listened. */
  readonly readyAfterMs: number;
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}

export interface ApiProcessOptions {
  /** Receives each line that the api prints. Default: prints warnings and errors. */
  readonly onLine?: (line: string) => void;
  /** File of the program. Default: the bundled one. */
  readonly program?: string;
  /** Options for Node, such as `--watch` and `--inspect`. */
  readonly nodeOptions?: readonly string[];
}

/** The folder of package.json, absolute. */
export const PROJECT_FOLDER = projectFolder();
/** What `npm run build` bundles. */
const BUNDLED_API = builtFile('bin/api.js');
/** Stops the program that Node preloads it into when the supervisor has ended. */
export const STOP_WITH_SUPERVISOR = builtFile('apps/local/src/stop-with-supervisor.js');
/** What `npm run build` bundles of the sample page. */
export const SAMPLE_PAGE = builtFile('sample');
/** What the compiler leaves: rewritten file by file, with source maps. */
export const COMPILED_API = builtFile('apps/api/src/main.js');
/** The command line, bundled and as the compiler leaves it. */
export const BUNDLED_COMMAND_LINE = builtFile('bin/acs-identity.js');
export const COMPILED_COMMAND_LINE = builtFile('apps/cli/src/main.js');

/**
 * Starts the built api and waits until it listens.
 *
 * @throws with what the api printed when it ended instead
 */
export async function startApi(
  environment: Readonly<Record<string, string | undefined>>,
  { onLine = printProblems, program = BUNDLED_API, nodeOptions = [] }: ApiProcessOptions = {},
): Promise<ApiProcess> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...nodeOptions, program], {
    env: environment,
    // A process group of its own: Ctrl-C reaches the supervisor only, which stops the api first.
    detached: true,
    // The api ends when the channel closes, so that it does not outlive a supervisor that was killed.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const { stdout, stderr } = child;
  if (!stdout || !stderr) throw new Error('the api has no output');
  let errorOutput = '';
  stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errorOutput = (errorOutput + chunk).slice(-8_000);
  });
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: stdout }).on('line', (line) => {
      onLine(line);
      const address = listeningAddress(line);
      if (address !== undefined) resolve(address);
    });
    void ended.then((code) => {
      reject(new Error(explainFailedStart(code, errorOutput)));
    });
  });
  stderr.on('data', (chunk: string) => {
    onLine(chunk.trimEnd());
  });
  return {
    url,
    process: child,
    readyAfterMs: performance.now() - startedAt,
    ended,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    },
  };
}

/** @param path below dist/ */
function builtFile(path: string): string {
  return join(projectFolder(), 'dist', path);
}

function projectFolder(): string {
  // Built, this file is dist/apps/local/src/api-process.js; run from source, apps/local/src/api-process.ts.
  const isBuilt = fileURLToPath(import.meta.url).includes('/dist/');
  return resolve(
    fileURLToPath(new URL('.', import.meta.url)),
    isBuilt ? '../../../..' : '../../..',
  );
}

function explainFailedStart(code: number | null, errorOutput: string): string {
  const [, port] = /Another program listens on port (\d+)/.exec(errorOutput) ?? [];
  if (port !== undefined) {
    return `Port ${port} is in use. Stop the program that uses it, or choose another: PORT=${Number(port) + 1} npm start`;
  }
  return `The api did not start (exit code ${code}).\n${errorOutput}`;
}

function listeningAddress(line: string): string | undefined {
  if (!line.includes('"listening"')) return undefined;
  const { address } = JSON.parse(line) as { address?: string };
  return address?.replace(/\/\/(127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?=:)/, '//localhost');
}

/** Prints a line of the api that a person has to see: a warning or an error. */
export function printProblems(line: string): void {
  if (!/"level":"(info|debug)"/.test(line)) console.error(line);
}
