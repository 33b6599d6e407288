/**
 * The cost of verifying an access token, compared with RS256 alone and with jose.
 *
 *   npm run bench:token-verification -- [--rounds 60] [--tokens 500] [--save]
 *
 * The contenders alternate within each round, so that other load on the machine affects all alike.
 * Figures are microseconds of this process's CPU time for each token: the median over the rounds, and
 * the median of each round's ratio. No result is cached. `--save` writes
 * bench/results/token-verification.md.
 */
import { createPublicKey, verify } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { importJWK, jwtVerify } from 'jose';
import { SystemClock } from '#libs/platform';
import { MemoryLogger } from '#libs/platform/testing';
import {
  AUDIENCE,
  createTokenVerifiers,
  MemoryMetadataSource,
  parseJwt,
  settingsFrom,
  TestIssuer,
} from '#libs/authentication/testing';
import { machine, median, quantile, today } from './figures.js';
import { benchmarkOptions } from './options.js';

/** Goal for the median. */
const MAX_MICROSECONDS = 60;
const WARM_UP_ROUNDS = 5;

const options = benchmarkOptions(import.meta.url, { rounds: 60, tokens: 500, save: false });

const clock = new SystemClock();
const source = new MemoryMetadataSource();
const issuer = new TestIssuer(() => clock.now());
issuer.publish(source);
const tokens = Array.from({ length: options.tokens }, (_none, number) =>
  // The size and claims of a real token, roughly.
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
const [verifier] = createTokenVerifiers(settingsFrom(), {
  source,
  clock,
  logger: new MemoryLogger(),
});
if (verifier === undefined) throw new Error('no verifier');

const contenders: Record<string, (token: string) => Promise<unknown>> = {
  'node:crypto': async (token) => {
    const end = token.lastIndexOf('.');
    const signature = Buffer.from(token.slice(end + 1), 'base64url');
    const isGood = verify('sha256', Buffer.from(token.slice(0, end)), keyObject, signature);
    return isGood ? Promise.resolve() : Promise.reject(new Error('signature'));
  },
  service: async (token) => {
    await verifier.verify(parseJwt(token));
  },
  jose: async (token) => {
    await jwtVerify(token, joseKey, {
      algorithms: ['RS256'],
      issuer: issuer.issuer,
      audience: AUDIENCE,
    });
  },
};

async function costMicroseconds(work: (token: string) => Promise<unknown>): Promise<number> {
  const start = process.cpuUsage();
  for (const token of tokens) await work(token);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / tokens.length;
}

const figures = new Map(Object.keys(contenders).map((name) => [name, [] as number[]]));
for (let round = -WARM_UP_ROUNDS; round < options.rounds; round += 1)
  for (const [name, work] of Object.entries(contenders)) {
    const cost = await costMicroseconds(work);
    if (round >= 0) figures.get(name)?.push(cost);
  }

const lowerBounds = figures.get('node:crypto') ?? [];
const rows = [...figures].map(([name, costs]) => {
  const ratios = costs.map((cost, round) => cost / (lowerBounds[round] ?? NaN));
  const columns = [median(costs), quantile(costs, 0.95), median(ratios)];
  return { name, columns: columns.map((figure) => figure.toFixed(1)) };
});
console.log('contender        µs CPU (median)      p95    × node:crypto');
for (const { name, columns } of rows)
  console.log(name.padEnd(16), ...columns.map((column) => column.padStart(12)));
if (options.save) await writeFile('bench/results/token-verification.md', report());

const cost = median(figures.get('service') ?? []);
if (cost > MAX_MICROSECONDS) {
  console.error(`missed: ${cost.toFixed(1)} µs at the median, the goal is ${MAX_MICROSECONDS} µs`);
  process.exitCode = 1;
}

function report(): string {
  return `# Verifying an access token

\`npm run bench:token-verification -- --save\` on ${today()}, ${machine()}: ${options.tokens} different tokens of ${tokens[0]?.length ?? 0} characters, ${options.rounds} rounds, alternating within each. Unbundled code.

| Contender | µs of CPU per token, median | p95 | × node:crypto, median of the rounds |
|---|---|---|---|
${rows.map(({ name, columns }) => `| ${name} | ${columns.join(' | ')} |`).join('\n')}

- **node:crypto** decodes the signature and verifies it, nothing else.
- **service** is \`parseJwt\` and the verifier for Entra, as the guard calls them: format, duplicate names, header, times, tenant, audience, kind of caller, signature, permissions. No result is cached.
- **jose** is \`jwtVerify\` with an imported key: signature, issuer, audience and times.

Goal for the service: ${MAX_MICROSECONDS} µs at the median.
`;
}
