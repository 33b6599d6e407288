/**
 * CPU time of a token in a small and in a large database: mappings and entries of the audit log.
 *
 *   npm run bench:token-scale -- [--large 1000000] [--rounds 24] [--tokens 1000]
 *
 * Linux only: reads `/proc`. The small database has 10,000 mappings; each mapping of both has an entry of its
 * import and four of tokens. The people who request tokens are spread over the table. One api process for each
 * database, with default settings but for the limits, in alternation; PostgreSQL is durable. Filling
 * a million mappings takes about half an hour. Writes bench/results/token-scale.md.
 */
import { writeFile } from 'node:fs/promises';
import { openTestLog } from '#libs/audit/testing';
import { canonicalName } from '#libs/platform';
import type { TestCluster } from '#libs/platform/testing';
import { SAMPLE_TENANTS } from '../apps/emulator/src/index.js';
import { repositoryRoot } from '../test/support/root.js';
import type { Service } from '../test/support/service.js';
import { startTestCluster } from '../test/support/test-cluster.js';
import { machine, median, quantile, table, today, whole } from './figures.js';
import { MappingFiller } from './mapping-filler.js';
import { backendsOf, cpuMicros } from './run/process-usage.js';
import { bearers, issuedCount, startUnlimited, TokenCallers } from './run/token-callers.js';
import { benchmarkOptions } from './options.js';

const SMALL = 10_000;
const TOKENS_OF_A_MAPPING = 4;
const PEOPLE = 600;
/** Parts in which a database is filled: some of the people come after each. */
const SLICES = 60;
const WARM_UP_TOKENS = 3_000;
const MAX_RATIO = 1.2;
const { large, rounds, tokens } = benchmarkOptions(import.meta.url, {
  ...{ large: 1_000_000, rounds: 24, tokens: 1000 },
});

class Filled {
  /** Microseconds of CPU time for a token, by round. */
  readonly service: number[] = [];
  readonly postgres: number[] = [];

  private constructor(
    readonly mappings: number,
    private readonly running: Service,
    private readonly processId: number,
    private readonly callers: TokenCallers,
    private readonly people: readonly string[],
  ) {}

  static async start(cluster: TestCluster, mappings: number): Promise<Filled> {
    const service = await startUnlimited(cluster);
    const log = await openTestLog(service.database.serviceUrl, {
      origin: 'localhost/acs-identity', // as the api calls it
      timeoutMs: 120_000,
      databaseTimeoutMs: 120_000,
    });
    const { url, process } = await service.addApi();
    const callers = new TokenCallers(url);
    const filler = new MappingFiller(log, canonicalName(SAMPLE_TENANTS.home.id));
    const people = await bearers(service, PEOPLE);
    for (let slice = 0; slice < SLICES; slice += 1) {
      await filler.add(Math.round(mappings / SLICES), TOKENS_OF_A_MAPPING);
      const [from, to] = [slice, slice + 1].map((n) => (n * PEOPLE) / SLICES);
      await callers.issue(people.slice(from, to), PEOPLE / SLICES);
      console.log(`${whole(((slice + 1) * mappings) / SLICES)} mappings of ${whole(mappings)}`);
    }
    await log.close();
    await service.rows('VACUUM (ANALYZE)'); // as autovacuum does within minutes
    await callers.issue(people, WARM_UP_TOKENS);
    return new Filled(mappings, service, process.pid ?? 0, callers, people);
  }

  async measure(): Promise<void> {
    const [service, postgres] = [this.#serviceMicros(), this.#postgresMicros()];
    await this.callers.issue(this.people, tokens);
    this.service.push((this.#serviceMicros() - service) / tokens);
    this.postgres.push((this.#postgresMicros() - postgres) / tokens);
  }

  async issued(): Promise<number> {
    return issuedCount(this.running);
  }

  async sizes(): Promise<{ readonly mappings: number; readonly entries: number }> {
    const [row] = await this.running.rows<{ mappings: string; entries: string }>(
      'SELECT (SELECT count(*) FROM mapping) AS mappings, (SELECT count(*) FROM audit_entry) AS entries',
    );
    return { mappings: Number(row?.mappings), entries: Number(row?.entries) };
  }

  async stop(): Promise<void> {
    await this.running.stop();
  }

  #serviceMicros(): number {
    return cpuMicros([this.processId]);
  }

  #postgresMicros(): number {
    return cpuMicros(backendsOf(cluster.processId, this.running.database.name));
  }
}

const cluster = await startTestCluster(true);
const filled: Filled[] = [];
try {
  for (const size of [SMALL, large]) filled.push(await Filled.start(cluster, size));
  const before = await Promise.all(filled.map(async (one) => one.issued()));
  for (let round = 0; round < rounds; round += 1)
    for (const one of round % 2 === 0 ? filled : filled.toReversed()) await one.measure();
  const after = await Promise.all(filled.map(async (one) => one.issued()));
  if (after.some((count, place) => count - (before[place] ?? 0) !== rounds * tokens))
    throw new Error('tokens and entries differ');
  await report();
} finally {
  for (const one of filled) await one.stop();
  await cluster.remove();
}

async function report(): Promise<void> {
  const [small, big] = filled;
  if (!small || !big) throw new Error('two databases are measured');
  const ratios = big.service.map((micros, round) => {
    const together = micros + (big.postgres[round] ?? Number.NaN);
    return (
      together / ((small.service[round] ?? Number.NaN) + (small.postgres[round] ?? Number.NaN))
    );
  });
  const ratio = median(ratios);
  const rows = await Promise.all(
    filled.map(async (one) => {
      const { mappings, entries } = await one.sizes();
      return [mappings, entries, median(one.service), median(one.postgres)].map(whole);
    }),
  );
  const quartiles = [0.25, 0.75].map((share) => quantile(ratios, share).toFixed(2)).join(' to ');
  const lines = [
    '# A token in a small and a large database',
    '',
    `\`npm run bench:token-scale -- --large ${large} --rounds ${rounds} --tokens ${tokens}\` on ${today()}, ${machine()}: ${whole(tokens)} tokens for ${PEOPLE} people over 64 connections in each round, in alternation; load, services, emulator and PostgreSQL on the same cores. Microseconds of CPU time a token, medians of the rounds.`,
    '',
    table(['Mappings', 'Entries of the log at the end', 'Service', 'PostgreSQL'], rows),
    '',
    `Service and PostgreSQL together, large to small: ${ratio.toFixed(2)} (median; quartiles ${quartiles}); the limit is ${MAX_RATIO}.`,
  ];
  await writeFile(`${repositoryRoot}bench/results/token-scale.md`, `${lines.join('\n')}\n`);
  console.log(lines.join('\n'));
  if (ratio > MAX_RATIO) process.exitCode = 1;
}
