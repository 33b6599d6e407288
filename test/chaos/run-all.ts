// `npm run test:campaigns`: every campaign with its default count, one after the other.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const campaigns = [
  'faults',
  'token-differential',
  'audit-tamper',
  'audit-crash',
  'storm',
  'identity-race',
  'identity-crash',
];

const failed: string[] = [];
for (const campaign of campaigns) {
  const file = fileURLToPath(new URL(`${campaign}.js`, import.meta.url));
  const startedAt = performance.now();
  const child = spawn(process.execPath, [file, ...process.argv.slice(2)], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  console.log(`${campaign}: ${code === 0 ? 'passed' : 'FAILED'} after ${seconds} s\n`);
  if (code !== 0) failed.push(campaign);
}
if (failed.length > 0) console.error(`Failed: ${failed.join(', ')}`);
console.log(`${campaigns.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
