/**
 * Query times of a small and a large identity map, and the memory of an import.
 *
 *   npm run bench:identity-scale -- [--small 10000] [--large 1000000] [--lines 100000] [--rounds 300]
 *
 * Every query alternates between both sizes, so that other load on the machine affects both alike.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { DataSource } from 'typeorm';
import { type MappingSearch, PostgresIdentityMap } from '#libs/identity-mapping';
import { canonicalName, ReadingDatabase, dataSourceOptions, SystemClock } from '#libs/platform';
import { communicationUserIdOf, cloneDatabase } from '#libs/platform/testing';
import { startTestCluster } from '../test/support/test-cluster.js';
import { median, quantile, today } from './figures.js';
import { measureImport } from './identity-import-memory.js';
import { benchmarkOptions } from './options.js';

const {
  small,
  large,
  lines: importedLines,
  rounds,
} = benchmarkOptions(import.meta.url, {
  ...{ small: 10_000, large: 1_000_000, lines: 100_000, rounds: 300 },
});
const WARM_UP_ROUNDS = 30;
const MAX_RATIO = 1.5;

/** An identity map with a number of mappings. */
class FilledMap {
  readonly map: PostgresIdentityMap;

  private constructor(
    readonly size: number,
    database: ReadingDatabase,
    private readonly ids: readonly string[],
    readonly close: () => Promise<void>,
  ) {
    this.map = new PostgresIdentityMap(database, database, new SystemClock());
  }

  static async fill(url: string, size: number): Promise<FilledMap> {
    const source = new DataSource(dataSourceOptions({ url, poolSize: 4, timeoutMs: 600_000 }));
    const database = new ReadingDatabase(source);
    await database.transaction(async (transaction) => {
      // Rows in states that only former versions lead to.
      await transaction.query('SET LOCAL session_replication_role = replica');
      await transaction.query(FILL, [size]);
    });
    await database.query('VACUUM ANALYZE mapping');
    const rows = await database.query<{ id: string }>(
      `SELECT id FROM mapping WHERE tenant = 'contoso' AND status <> 'deleted' ORDER BY id`,
    );
    const ids = rows.map(({ id }) => id);
    return new FilledMap(size, database, ids, async () => source.destroy());
  }

  /** The number of a random row. */
  any(): number {
    return Math.floor(Math.random() * this.size);
  }

  /** The id at a relative position in the list, from 0 to 1. */
  idAt(position: number): string {
    return this.ids[Math.min(this.ids.length - 1, Math.floor(position * this.ids.length))] ?? '';
  }

  async page(search: Partial<MappingSearch>): Promise<unknown> {
    return this.map.search({ tenant: canonicalName('contoso'), limit: 50, ...search });
  }
}

/** One row in ten is another tenant's; kinds and statuses are distributed as in production. */
const FILL = `
  INSERT INTO mapping (id, resource, tenant, subject, kind, status, communication_user_id,
                       display_name, deleted_at)
  SELECT uuidv7(make_interval(secs => n * 0.001)), 'default',
         CASE WHEN n % 10 = 0 THEN 'fabrikam' ELSE 'contoso' END, 'subject-' || n,
         CASE WHEN n % 20 = 1 THEN 'bot' WHEN n % 5 = 1 THEN 'service' ELSE 'user' END,
         CASE WHEN n % 100 = 3 THEN 'suspended' WHEN n % 100 = 4 THEN 'deleted' ELSE 'active' END,
         '8:acs:e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001_' || lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000',
         'Person ' || n, CASE WHEN n % 100 = 4 THEN now() END
  FROM generate_series(0, $1::int - 1) AS n`;

function acsId(n: number): string {
  return `8:acs:e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001_${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
}

const queries: Record<string, (filled: FilledMap) => Promise<unknown>> = {
  'point lookup by subject': async (filled) => {
    const n = filled.any();
    const tenant = n % 10 === 0 ? 'fabrikam' : 'contoso';
    return filled.map.find({
      tenant: canonicalName(tenant),
      subject: canonicalName(`subject-${n}`),
    });
  },
  'read by id': async (filled) => filled.map.get(filled.idAt(Math.random())),
  'reverse lookup of 1': async (filled) =>
    filled.map.findByCommunicationUserIds([communicationUserIdOf(acsId(filled.any()))]),
  'reverse lookup of 100': async (filled) =>
    filled.map.findByCommunicationUserIds(
      Array.from({ length: 100 }, () => communicationUserIdOf(acsId(filled.any()))),
    ),
  'first page': async (filled) => filled.page({}),
  'page in the middle': async (filled) => filled.page({ after: filled.idAt(0.5) }),
  'last page': async (filled) => filled.page({ after: filled.idAt(0.99) }),
  'any page': async (filled) => filled.page({ after: filled.idAt(Math.random() * 0.99) }),
  'any page of a kind': async (filled) =>
    filled.page({ kind: 'bot', after: filled.idAt(Math.random() * 0.8) }),
  'any page of a rare status': async (filled) =>
    filled.page({ status: 'suspended', after: filled.idAt(Math.random() * 0.4) }),
  'any page of a kind and a status': async (filled) =>
    filled.page({ kind: 'service', status: 'active', after: filled.idAt(Math.random() * 0.5) }),
  'search by subject': async (filled) =>
    filled.page({ subject: canonicalName(`subject-${filled.any()}`) }),
  'search by communication identity': async (filled) =>
    filled.page({ communicationUserId: communicationUserIdOf(acsId(filled.any())) }),
  'a person’s mappings': async (filled) =>
    filled.map.listSubject(canonicalName('contoso'), canonicalName(`subject-${filled.any()}`)),
};

async function measure(
  filled: readonly FilledMap[],
  query: (filled: FilledMap) => Promise<unknown>,
) {
  const times = filled.map(() => [] as number[]);
  for (let round = 0; round < rounds + WARM_UP_ROUNDS; round += 1) {
    for (const [nth, one] of filled.entries()) {
      const startedAt = performance.now();
      await query(one);
      if (round >= WARM_UP_ROUNDS) times[nth]?.push(performance.now() - startedAt);
    }
  }
  return times.map((samples) => ({ medianMs: median(samples), p95Ms: quantile(samples, 0.95) }));
}

const cluster = await startTestCluster();
try {
  const filled: FilledMap[] = [];
  for (const size of [small, large]) {
    const database = await cloneDatabase(cluster);
    console.log(`Filling ${size} mappings …`);
    filled.push(await FilledMap.fill(database.superuserUrl, size));
  }
  const lines = [
    '# The identity map at scale',
    '',
    `\`npm run bench:identity-scale\` on ${today()}: each query ${rounds} times on each size, alternating, in one run; milliseconds, TypeORM and the round trip to PostgreSQL included. PostgreSQL does not wait for the disk (\`fsync=off\`); the queries run on unbundled code, the import against the bundled api.`,
    '',
    `| Query | ${small.toLocaleString('en')}: median, p95 | ${large.toLocaleString('en')}: median, p95 | ratio of medians |`,
    '|---|---|---|---|',
  ];
  let highest = 0;
  for (const [name, query] of Object.entries(queries)) {
    const [few, many] = await measure(filled, query);
    if (!few || !many) continue;
    const ratio = many.medianMs / few.medianMs;
    highest = Math.max(highest, ratio);
    const cell = ({ medianMs, p95Ms }: typeof few): string =>
      `${medianMs.toFixed(2)}, ${p95Ms.toFixed(2)}`;
    lines.push(`| ${name} | ${cell(few)} | ${cell(many)} | ${ratio.toFixed(2)} |`);
    console.log(lines.at(-1));
  }
  for (const one of filled) await one.close();
  lines.push('', `The highest ratio is ${highest.toFixed(2)}; the limit is ${MAX_RATIO}.`, '');
  lines.push(...(await measureImport(cluster, importedLines, `bench-${randomUUID()}`)));
  await mkdir('bench/results', { recursive: true });
  await writeFile('bench/results/identity-scale.md', `${lines.join('\n')}\n`);
  console.log(lines.slice(-12).join('\n'));
  if (highest > MAX_RATIO) process.exitCode = 1;
} finally {
  await cluster.remove();
}
