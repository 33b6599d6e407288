import { fstatSync } from 'node:fs';
import { isatty } from 'node:tty';

const CHECK_INTERVAL_MS = 500;
const STANDARD_STREAMS = [0, 1, 2];

/**
 * Calls back on everything that ends the local environment: Ctrl-C and other signals, and the end of the
 * terminal, of npm, or of the program that holds the other end of standard input.
 *
 * SIGHUP alone does not do: a killed shell or npm sends none, and nor does a lost ssh connection without a
 * terminal.
 *
 * @returns a function to call when the environment is ready. Standard input that ends before then was never
 *   more than empty.
 */
export function onStopTrigger(stop: () => void): () => void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  if (process.channel) process.on('disconnect', stop);

  // Writing to a terminal or a pipe that is gone must not end the shutdown.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

  const terminals = STANDARD_STREAMS.filter((fd) => isatty(fd));
  // Started by npm, its parent is npm. Another parent may end on purpose: `node main.js &` in a script.
  const npm = process.env.npm_lifecycle_event === undefined ? undefined : process.ppid;
  setInterval(() => {
    // A terminal that was hung up is none. Reading would stop a process in the background.
    const hasLostTerminal = terminals.some((fd) => !isatty(fd));
    if (hasLostTerminal || (npm !== undefined && process.ppid !== npm)) stop();
  }, CHECK_INTERVAL_MS).unref();

  let isReady = false;
  if (isPipe(0)) {
    process.stdin.on('error', () => undefined);
    process.stdin.once('close', () => {
      if (isReady) stop();
    });
    process.stdin.resume();
  }
  return () => {
    isReady = true;
  };
}

function isPipe(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return stat.isFIFO() || stat.isSocket();
  } catch {
    return false; // closed
  }
}
