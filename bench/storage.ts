/**
 * Bytes that people, tokens and entries take in PostgreSQL, indexes included.
 *
 *   npm run bench:storage -- [--people 1000] [--tokens 5000]
 *
 * Through the built api: first calls of the people, then tokens for them, then a vacuum. Writes
 * bench/results/storage.md.
 */
import { writeFile } from 'node:fs/promises';
import { firstCall, newPeople, UNLIMITED_ACS } from '../test/support/first-calls.js';
import { repositoryRoot } from '../test/support/root.js';
import { Service } from '../test/support/service.js';
import { startTestCluster } from '../test/support/test-cluster.js';
import type { Person } from '../test/support/tokens-api.js';
import { machine, today, whole } from './figures.js';
import { benchmarkOptions } from './options.js';

const { people: peopleCount, tokens } = benchmarkOptions(import.meta.url, {
  ...{ people: 1000, tokens: 5000 },
});
const CONCURRENT = 64;

const cluster = await startTestCluster();
const service = await Service.start({
  cluster,
  emulator: { acs: { limits: 'off', signingKeyBits: 1024 } },
  environment: {
    ...UNLIMITED_ACS,
    LOG_LEVEL: 'info',
    AUTHENTICATION_REQUESTS_PER_MINUTE: '1000000',
  },
});
try {
  const people = await newPeople(service, peopleCount);
  const empty = await sizes();
  await issue(people);
  const first = await sizes();
  await issue(
    Array.from({ length: Math.ceil(tokens / peopleCount) }, () => people)
      .flat()
      .slice(0, tokens),
  );
  const later = await sizes();
  const rows = [...later.keys()].map((table) => {
    const [none = 0, some = 0, more = 0] = [empty, first, later].map((size) => size.get(table));
    return { table, perPerson: (some - none) / peopleCount, perToken: (more - some) / tokens };
  });
  const sum = (of: 'perPerson' | 'perToken'): number =>
    rows.reduce((total, row) => total + row[of], 0);
  const lines = [
    '# What the database stores',
    '',
    `\`npm run bench:storage -- --people ${peopleCount} --tokens ${tokens}\` on ${today()}, ${machine()}. Bytes with indexes, after a vacuum; fewer requests at once mean more commits, and more bytes a token in \`audit_head\`.`,
    '',
    '| Table | First call of a person, with its token | Later token |',
    '|---|---:|---:|',
    ...rows
      .filter(({ perPerson, perToken }) => perPerson >= 1 || perToken >= 1)
      .map(
        ({ table, perPerson, perToken }) =>
          `| \`${table}\` | ${whole(perPerson)} | ${whole(perToken)} |`,
      ),
    `| **together** | **${whole(sum('perPerson'))}** | **${whole(sum('perToken'))}** |`,
  ];
  await writeFile(`${repositoryRoot}bench/results/storage.md`, `${lines.join('\n')}\n`);
  console.log(lines.join('\n'));
} finally {
  await service.stop();
  await cluster.remove();
}

async function issue(people: readonly Person[]): Promise<void> {
  const waiting = people.values();
  await Promise.all(
    Array.from({ length: CONCURRENT }, async () => {
      // They share one iterator.
      for (const person of waiting) {
        const { status } = await firstCall(service.url, person);
        if (status !== 200) throw new Error(`a request was answered with ${status}`);
      }
    }),
  );
}

/** Bytes of each table; partitions belong to their table. */
async function sizes(): Promise<Map<string, number>> {
  await cluster.execute('VACUUM', service.database.name);
  const rows = await service.rows<{ name: string; bytes: string }>(
    `SELECT coalesce(parent.relname, own.relname) AS name, sum(pg_total_relation_size(own.oid)) AS bytes
     FROM pg_class own
     LEFT JOIN pg_inherits link ON link.inhrelid = own.oid
     LEFT JOIN pg_class parent ON parent.oid = link.inhparent
     WHERE own.relkind = 'r' AND own.relname <> 'acs_request_budget' AND own.relnamespace = 'public'::regnamespace
     GROUP BY 1 ORDER BY 1`,
  );
  return new Map(rows.map(({ name, bytes }) => [name, Number(bytes)]));
}
