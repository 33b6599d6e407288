/**
 * What verifying an access token costs, beside bare RS256 and beside jose.
 *
 * Usage: node dist/bench/token-verification.js [--rounds 60] [--tokens 500]
 *
 * Contenders take turns within each round, so that a noisy machine hits all of them alike. Figures
 * are microseconds of the process's own CPU time for each token: the median over the rounds.
 */
import { createPublicKey, verify } from 'node:crypto';
import { parseArgs } from 'node:util';
import { importJWK, jwtVerify } from 'jose';
import { MemoryLogger, SystemClock } from '#libs/platform';
import { readCompactToken } from '../libs/authentication/src/compact-token.js';
import { MemoryMetadataSource } from '../libs/authentication/src/metadata-source.js';
import { verifiersFor } from '../libs/authentication/src/verifiers.js';
import { settingsFrom } from '../libs/authentication/test/settings.js';
import { AUDIENCE, TestIssuer } from '../libs/authentication/test/test-issuer.js';

/** What verification may cost at the median. */
const BUDGET_MICROSECONDS = 60;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '60' },
    tokens: { type: 'string', default: '500' },
  },
});

const clock = new SystemClock();
const source = new MemoryMetadataSource();
const issuer = new TestIssuer(() => clock.now());
issuer.publish(source);
const tokens = Array.from({ length: Number(values.tokens) }, (_none, number) =>
  // About the size and the claims of a real one.
  issuer.token({
    uti: `token-${number}`,
    acct: 0,
    aio: 'AVQAq/8XAAAA'.repeat(8),
    preferred_username: 'alice@example.com',
    rh: '0.AXkA'.repeat(8),
    sid: '00000000-0000-4000-8000-000000000000',
    xms_ftd: 'x'.repeat(60),
  }),
);

const { publicKey } = issuer.current;
const keyObject = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }));
const joseKey = await importJWK({ ...publicKey.export({ format: 'jwk' }), alg: 'RS256' });
const [verifier] = verifiersFor(settingsFrom(), { source, clock, logger: new MemoryLogger() });
if (verifier === undefined) throw new Error('no verifier');

const contenders: Record<string, (token: string) => Promise<unknown>> = {
  'node:crypto': async (token) => {
    const end = token.lastIndexOf('.');
    const signature = Buffer.from(token.slice(end + 1), 'base64url');
    const isGood = verify('sha256', Buffer.from(token.slice(0, end)), keyObject, signature);
    return isGood ? Promise.resolve() : Promise.reject(new Error('signature'));
  },
  service: async (token) => verifier.verify(readCompactToken(token)),
  jose: async (token) =>
    jwtVerify(token, joseKey, {
      algorithms: ['RS256'],
      issuer: issuer.issuer,
      audience: AUDIENCE,
    }),
};

async function costMicroseconds(work: (token: string) => Promise<unknown>): Promise<number> {
  const start = process.cpuUsage();
  for (const token of tokens) await work(token);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / tokens.length;
}

function quantile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

const figures = new Map(Object.keys(contenders).map((name) => [name, [] as number[]]));
const WARM_UP_ROUNDS = 5;
for (let round = -WARM_UP_ROUNDS; round < Number(values.rounds); round += 1)
  for (const [name, work] of Object.entries(contenders)) {
    const cost = await costMicroseconds(work);
    if (round >= 0) figures.get(name)?.push(cost);
  }

const floor = quantile(figures.get('node:crypto') ?? [], 0.5);
console.log('contender        µs CPU (median)      p95    × node:crypto');
for (const [name, costs] of figures) {
  const median = quantile(costs, 0.5);
  const columns = [median, quantile(costs, 0.95), median / floor];
  console.log(name.padEnd(16), ...columns.map((figure) => figure.toFixed(1).padStart(12)));
}
const median = quantile(figures.get('service') ?? [], 0.5);
if (median > BUDGET_MICROSECONDS) {
  console.error(`over the budget of ${BUDGET_MICROSECONDS} µs`);
  process.exitCode = 1;
}
