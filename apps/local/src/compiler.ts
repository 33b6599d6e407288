import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { STOP_WITH_SUPERVISOR } from './api-process.js';

/** Compiles the sources into dist/ after every change, and prints type errors. */
export function startCompiler(): { readonly stop: () => Promise<void> } {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const compiler = spawn(
    process.execPath,
    [
      '--import',
      STOP_WITH_SUPERVISOR,
      tsc,
      '--project',
      'tsconfig.build.json',
      '--watch',
      '--preserveWatchOutput',
    ],
    {
      env: { ...process.env, LOCAL_SUPERVISOR_PROCESS_ID: String(process.pid) },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  const ended = once(compiler, 'exit');
  return {
    stop: async () => {
      compiler.kill('SIGTERM');
      await ended;
    },
  };
}
