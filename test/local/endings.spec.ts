import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { inTerminal, ProjectCopy, type Run } from '../support/project-copy.js';

/** Started by turns: each test leaves nothing running. */
let copy: ProjectCopy;

beforeAll(async () => {
  copy = await ProjectCopy.ofLocalEnvironment();
});

afterAll(async () => copy[Symbol.asyncDispose]());

const isLinux = process.platform === 'linux';

interface Ending {
  readonly what: string;
  readonly start: () => Run;
  readonly end: (run: Run) => unknown;
}

const direct = (): Run => copy.run([process.execPath, copy.main]);
const endings: readonly Ending[] = [
  {
    what: 'Ctrl-C in a terminal, which every process receives',
    start: () => copy.run(inTerminal('npm start'), { hasInput: true }),
    end: ({ child }) => child.stdin?.write('\u0003'),
  },
  {
    what: 'SIGKILL of the watch mode',
    start: () => copy.run([process.execPath, copy.main, '--watch']),
    end: ({ child }) => child.kill('SIGKILL'),
  },
  { what: 'SIGKILL', start: direct, end: ({ child }) => child.kill('SIGKILL') },
  {
    what: 'the death of npm',
    start: () => copy.run(['npm', 'start']),
    end: ({ child }) => child.kill('SIGKILL'),
  },
  {
    what: 'the death of its terminal',
    start: () => copy.run(inTerminal(`${process.execPath} ${copy.main}`)),
    end: ({ child }) => child.kill('SIGKILL'),
  },
  {
    what: 'the death of a terminal that sends it no signal',
    start: () => copy.run(inTerminal(`setsid --wait ${process.execPath} ${copy.main}`)),
    end: ({ child }) => child.kill('SIGKILL'),
  },
  {
    what: 'the end of its standard input, a pipe',
    start: () => copy.run([process.execPath, copy.main], { hasInput: true }),
    end: ({ child }) => child.stdin?.end(),
  },
];

describe.runIf(isLinux)('the local environment', { timeout: 180_000 }, () => {
  it.each(endings)('leaves nothing running after $what, and keeps its ports', async (ending) => {
    const run = ending.start();
    await copy.untilReady(run);
    const ports = await readFile(join(copy.folder, '.local/ports.json'), 'utf8');
    ending.end(run);
    await copy.untilNothingRuns();
    expect(await readFile(join(copy.folder, '.local/ports.json'), 'utf8')).toBe(ports);
    for (const port of Object.values(z.record(z.string(), z.number()).parse(JSON.parse(ports)))) {
      if (port !== 0) expect(run.output()).not.toContain(`Port ${port}`);
    }
  });
});
