// `npm run check`: runs the static checks, two at a time. With --build, as in `npm test`, it also builds.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const checks = [
  ['lint and types', 'oxlint --type-check'],
  ...(process.argv.includes('--build') ? [['build', 'npm run -s build:tools']] : []),
  ['format', 'oxfmt --check'],
  ['structure', 'depcruise apps examples libs test bench scripts --config .dependency-cruiser.mjs'],
  ['unused', 'knip'],
  ['openapi', 'node scripts/check-openapi.mjs'],
  ['prose', 'node scripts/check-prose.mjs'],
];

const failed = [];

async function run([name, command]) {
  const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  child.stderr.on('data', (chunk) => output.push(chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) failed.push(name);
  console.log(`${code === 0 ? '✔' : '✘'} ${name}`);
  if (code !== 0) console.log(Buffer.concat(output).toString());
}

const waiting = [...checks];
await Promise.all(
  [1, 2].map(async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await run(next);
  }),
);
process.exitCode = failed.length === 0 ? 0 : 1;
