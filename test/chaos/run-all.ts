import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { campaignOptions } from './support/campaign.js';

/** `background-verification` is not among them: it needs a machine that does nothing else. */
const CAMPAIGNS = [
  'faults',
  'token-differential',
  'audit-tamper',
  'mapping-tamper',
  'audit-crash',
  'audit-delivery',
  'storm',
  'first-calls',
  'pauses',
  'rolling-restart',
  'rotation',
  'identity-race',
  'identity-crash',
  'assignments',
  'visitors',
  'revocation',
];

campaignOptions({
  name: 'run-all',
  description: `Runs one campaign after the other: ${CAMPAIGNS.join(', ')}.\nExits with 1 when one fails.`,
  count: { of: 'count of every campaign' },
});
const args = process.argv.slice(2);

const failed: string[] = [];
for (const [nth, campaign] of CAMPAIGNS.entries()) {
  console.log(
    `[${nth + 1}/${CAMPAIGNS.length}] node dist/test/chaos/${[`${campaign}.js`, ...args].join(' ')}`,
  );
  const file = fileURLToPath(new URL(`${campaign}.js`, import.meta.url));
  const startedAt = performance.now();
  const child = spawn(process.execPath, [file, ...args], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  console.log(`${campaign}: ${code === 0 ? 'passed' : 'FAILED'} after ${seconds} s\n`);
  if (code !== 0) failed.push(campaign);
}
if (failed.length > 0) console.error(`Failed: ${failed.join(', ')}`);
console.log(`${CAMPAIGNS.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
