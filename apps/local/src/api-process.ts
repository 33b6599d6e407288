import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The api as its users run it: a process of its own, configured by its environment alone. */
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
  /** Receives each line that the api logs; the local environment prints warnings and errors. */
  readonly onLine?: (line: string) => void;
  /** File of the program; the bundled one unless told otherwise. */
  readonly program?: string;
}

/**
 * Starts the built api and waits until it listens.
 *
 * @throws what the api said when it ended instead
 */
export async function startApi(
  environment: Readonly<Record<string, string | undefined>>,
  { onLine = printProblems, program = apiEntry() }: ApiProcessOptions = {},
): Promise<ApiProcess> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [program], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaints = (complaints + chunk).slice(-8_000);
  });
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      onLine(line);
      const address = listeningAddress(line);
      if (address !== undefined) resolve(address);
    });
    void ended.then((code) => {
      reject(new Error(`The api did not start (exit code ${code}).\n${complaints}`));
    });
  });
  child.stderr.on('data', (chunk: string) => {
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

function apiEntry(): string {
  // Built, this file stands in dist/apps/local/src; run from source, in apps/local/src.
  const here = fileURLToPath(import.meta.url);
  const root = here.includes('/dist/') ? '../../../../' : '../../../';
  return fileURLToPath(new URL(`${root}dist/bin/api.js`, import.meta.url));
}

function listeningAddress(line: string): string | undefined {
  if (!line.includes('"listening"')) return undefined;
  const said = JSON.parse(line) as { address?: string };
  return said.address?.replace('[::1]', 'localhost').replace('127.0.0.1', 'localhost');
}

function printProblems(line: string): void {
  if (!/"level":"(info|debug)"/.test(line)) console.error(line);
}
