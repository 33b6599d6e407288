// `npm run check`: everything that can be said of the code without running it, two checks at a time.
// With --build, it is built meanwhile, as `npm test` wants it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const checks = [
  ['lint', 'eslint .'],
  ...(process.argv.includes('--build') ? [['build', 'npm run -s build:tools']] : []),
  ['types', 'tsc -p tsconfig.json'],
  ['format', 'prettier --check --log-level warn .'],
  ['structure', 'depcruise apps examples libs test bench scripts --config .dependency-cruiser.mjs'],
  ['unused', 'knip'],
  ['prose', 'node scripts/check-prose.mjs'],
];

const failed = [];

async function run([name, command]) {
  const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  child.stdout.on('data', (chunk) => said.push(chunk));
  child.stderr.on('data', (chunk) => said.push(chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) failed.push(name);
  console.log(`${code === 0 ? '✔' : '✘'} ${name}`);
  if (code !== 0) console.log(Buffer.concat(said).toString());
}

const waiting = [...checks];
await Promise.all(
  [1, 2].map(async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await run(next);
  }),
);
process.exitCode = failed.length === 0 ? 0 : 1;
