/**
 * Whether the identity map keeps its pace as it grows, and imports in constant memory.
 *
 *   npm run bench:identity-scale -- [--small 10000] [--large 1000000] [--lines 100000] [--rounds 300]
 *
 * Every query runs against both sizes in turns, so that whatever else the machine does meets both.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { DataSource } from 'typeorm';
import { type MappingSearch, PostgresIdentityMap } from '#libs/identity-mapping';
import { Database, dataSourceOptions, SystemClock } from '#libs/platform';
import { cloneDatabase } from '#libs/platform/testing';
import { startTestCluster } from '../test/support/test-cluster.js';
import { measureImport } from './identity-import-memory.js';

const { values } = parseArgs({
  options: {
    small: { type: 'string', default: '10000' },
    large: { type: 'string', default: '1000000' },
    lines: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '300' },
  },
});
const small = Number(values.small);
const large = Number(values.large);
const rounds = Number(values.rounds);
const LIMIT_RATIO = 1.5;

/** A filled database of one size. */
class FilledMap {
  readonly map: PostgresIdentityMap;

  private constructor(
    readonly size: number,
    database: Database,
    private readonly ids: readonly string[],
    readonly close: () => Promise<void>,
  ) {
    this.map = new PostgresIdentityMap(database, new SystemClock());
  }

  static async fill(url: string, size: number): Promise<FilledMap> {
    const source = new DataSource(dataSourceOptions({ url, poolSize: 4, timeoutMs: 600_000 }));
    const database = new Database(source);
    await database.query(FILL, [size]);
    await database.query('VACUUM ANALYZE mapping');
    const rows = await database.query<{ id: string }>(
      `SELECT id FROM mapping WHERE tenant = 'contoso' AND status <> 'deleted' ORDER BY id`,
    );
    const ids = rows.map(({ id }) => id);
    return new FilledMap(size, database, ids, async () => source.destroy());
  }

  /** Any row's number. */
  any(): number {
    return Math.floor(Math.random() * this.size);
  }

  /** The id at a place of the list, from 0 to 1. */
  idAt(place: number): string {
    return this.ids[Math.min(this.ids.length - 1, Math.floor(place * this.ids.length))] ?? '';
  }

  async page(search: Partial<MappingSearch>): Promise<unknown> {
    return this.map.search({ tenant: 'contoso', limit: 50, ...search });
  }
}

/** One row in ten is another tenant's; kinds and statuses are spread as they may be in life. */
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
    return filled.map.find({ tenant, subject: `subject-${n}` }, 'default');
  },
  'read by id': async (filled) => filled.map.get(filled.idAt(Math.random())),
  'reverse lookup of 1': async (filled) =>
    filled.map.findByCommunicationUserIds([acsId(filled.any())]),
  'reverse lookup of 100': async (filled) =>
    filled.map.findByCommunicationUserIds(Array.from({ length: 100 }, () => acsId(filled.any()))),
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
  'search by subject': async (filled) => filled.page({ subject: `subject-${filled.any()}` }),
  'search by communication identity': async (filled) =>
    filled.page({ communicationUserId: acsId(filled.any()) }),
  'a person’s mappings': async (filled) =>
    filled.map.listSubject('contoso', `subject-${filled.any()}`),
};

function quantile(sorted: readonly number[], of: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * of))] ?? Number.NaN;
}

async function measure(
  filled: readonly FilledMap[],
  query: (filled: FilledMap) => Promise<unknown>,
) {
  const times = filled.map(() => [] as number[]);
  for (let round = 0; round < rounds + 30; round += 1) {
    for (const [nth, one] of filled.entries()) {
      const startedAt = performance.now();
      await query(one);
      if (round >= 30) times[nth]?.push(performance.now() - startedAt);
    }
  }
  return times.map((all) => {
    const sorted = all.sort((a, b) => a - b);
    return { medianMs: quantile(sorted, 0.5), p95Ms: quantile(sorted, 0.95) };
  });
}

const cluster = await startTestCluster();
try {
  const place = { superuserUrl: cluster.url('postgres'), port: cluster.port };
  const filled: FilledMap[] = [];
  for (const size of [small, large]) {
    const database = await cloneDatabase(place);
    console.log(`filling ${size} mappings`);
    filled.push(await FilledMap.fill(database.superuserUrl, size));
  }
  const lines = [
    '# The identity map at scale',
    '',
    `\`npm run bench:identity-scale\` on ${new Date().toISOString().slice(0, 10)}: each query ${rounds} times on each size, in turns, in one run; milliseconds, the way through TypeORM and back included.`,
    '',
    `| Query | ${small.toLocaleString('en')}: median, p95 | ${large.toLocaleString('en')}: median, p95 | ratio of medians |`,
    '|---|---|---|---|',
  ];
  let worst = 0;
  for (const [name, query] of Object.entries(queries)) {
    const [few, many] = await measure(filled, query);
    if (!few || !many) continue;
    const ratio = many.medianMs / few.medianMs;
    worst = Math.max(worst, ratio);
    const cell = ({ medianMs, p95Ms }: typeof few): string =>
      `${medianMs.toFixed(2)}, ${p95Ms.toFixed(2)}`;
    lines.push(`| ${name} | ${cell(few)} | ${cell(many)} | ${ratio.toFixed(2)} |`);
    console.log(lines.at(-1));
  }
  for (const one of filled) await one.close();
  lines.push('', `The worst ratio is ${worst.toFixed(2)}; ${LIMIT_RATIO} is the promise.`, '');
  lines.push(...(await measureImport(place, Number(values.lines), `bench-${randomUUID()}`)));
  await mkdir('bench/results', { recursive: true });
  await writeFile('bench/results/identity-scale.md', `${lines.join('\n')}\n`);
  console.log(lines.slice(-12).join('\n'));
  if (worst > LIMIT_RATIO) process.exitCode = 1;
} finally {
  await cluster.remove();
}
