/**
 * What verifying an access token costs, beside bare RS256 and beside jose.
 *
 * Usage: node dist/bench/token-verification.js [--rounds 60] [--tokens 500] [--save]
 *
 * Contenders take turns within each round, so that a noisy machine hits all of them alike. Figures
 * are microseconds of the process's own CPU time for each token: the median over the rounds, and the
 * median of each round's ratio. Each token is verified anew: no verdict is remembered.
 * `--save` writes them to bench/results/token-verification.md.
 */
import { createPublicKey, verify } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
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

/** What verification may cost at the median. */
const BUDGET_MICROSECONDS = 60;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '60' },
    tokens: { type: 'string', default: '500' },
    save: { type: 'boolean', default: false },
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

const floors = figures.get('node:crypto') ?? [];
const rows = [...figures].map(([name, costs]) => {
  const ratios = costs.map((cost, round) => cost / (floors[round] ?? NaN));
  const columns = [quantile(costs, 0.5), quantile(costs, 0.95), quantile(ratios, 0.5)];
  return { name, columns: columns.map((figure) => figure.toFixed(1)) };
});
console.log('contender        µs CPU (median)      p95    × node:crypto');
for (const { name, columns } of rows)
  console.log(name.padEnd(16), ...columns.map((column) => column.padStart(12)));
if (values.save) await writeFile('bench/results/token-verification.md', report());

const median = quantile(figures.get('service') ?? [], 0.5);
if (median > BUDGET_MICROSECONDS) {
  console.error(`over the budget of ${BUDGET_MICROSECONDS} µs`);
  process.exitCode = 1;
}

function report(): string {
  const machine = `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}`;
  const day = new Date().toISOString().slice(0, 10);
  return `# Verifying an access token

\`node dist/bench/token-verification.js --save\` (after \`npm run build:tools\`) on ${day}, ${machine}: ${values.tokens} different tokens of ${tokens[0]?.length ?? 0} characters, ${values.rounds} rounds, contenders in turn within each.

| Contender | µs of CPU per token, median | p95 | × node:crypto, median of the rounds |
|---|---|---|---|
${rows.map(({ name, columns }) => `| ${name} | ${columns.join(' | ')} |`).join('\n')}

- **node:crypto** takes the signature apart and checks it, and nothing else.
- **service** is \`parseJwt\` and the verifier for Entra, as the guard calls them: form, duplicate names, header, times, tenant, audience, kind of caller, signature, permissions. No verdict is kept from one time to the next.
- **jose** is \`jwtVerify\` with an imported key: signature, issuer, audience and times.

The service may cost ${BUDGET_MICROSECONDS} µs at the median.
`;
}
