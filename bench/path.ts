/**
 * How much of the code a request runs through: files and functions of this repository, counted by V8.
 *
 *   npm run bench:path -- [--rounds 3] [--list]
 *
 * Starts the unbundled api in this process, with the emulator and PostgreSQL, and takes V8's precise
 * coverage around one request: the first token of a person, whose identity is created; a later token;
 * and an invalid bearer token. Each window includes the audit entry of the request. The idle windows
 * of the same length, without a request, show what runs in the background. Of `--rounds` windows, the
 * one with the median number of functions counts. `--list` prints the functions of each.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { createApi } from '../apps/api/src/create-api.js';
import { apiEnvironment } from '../apps/local/src/api-environment.js';
import { Service } from '../test/support/service.js';
import { startTestCluster } from '../test/support/test-cluster.js';
import { benchmarkOptions } from './options.js';

/** Longer than a request, its audit entry and the aggregation of refusals. */
const WINDOW_MS = 1_500;
/** After the start and the first requests: secrets are read, and the reads are recorded. */
const SETTLE_MS = 5_000;
const ROOT = fileURLToPath(new URL('../', import.meta.url));

const { rounds, list } = benchmarkOptions(import.meta.url, { rounds: 3, list: false });

interface RanFunction {
  readonly name: string;
  /** Position in the file, to distinguish functions with the same name. */
  readonly offset: number;
}

/** The functions that ran, by file, in the order of the file. */
type Path = ReadonlyMap<string, readonly RanFunction[]>;

const cluster = await startTestCluster();
try {
  const service = await Service.start({ cluster, replicas: 0 });
  try {
    report(await measure(service));
  } finally {
    await service.stop();
  }
} finally {
  await cluster.remove();
}
process.exit();

async function measure({ emulator, database }: Service): Promise<ReadonlyMap<string, Path>> {
  const environment = apiEnvironment(emulator, database.serviceUrl);
  // In a process of its own, the api has its credential and its trust from the environment.
  Object.assign(process.env, environment);
  const authority = readFileSync(emulator.caFile, 'utf8');
  setDefaultCACertificates([...getCACertificates('default'), authority]);
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  const app = await createApi({
    ...environment,
    LOG_LEVEL: 'silent',
    // Background work at intervals far longer than the measurement.
    MAPPING_SWEEP_SECONDS: '3600',
    // A refusal is recorded within the window.
    AUTHENTICATION_REFUSAL_WINDOW_SECONDS: '1',
  });
  try {
    await app.listen(0, '127.0.0.1');
    const url = `${await app.getUrl()}/v1/me/tokens`;
    const request = async (bearer: string, expected: number): Promise<void> => {
      const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
      const response = await fetch(url, { method: 'POST', headers, body: '{}' });
      const text = await response.text();
      if (response.status !== expected) throw new Error(`${response.status}: ${text}`);
    };
    const newPerson = async (): Promise<string> =>
      emulator.control.mintToken({ person: 'alice', claims: { oid: randomUUID() } });
    const invalid = (await newPerson()).slice(0, -8);
    const known = await newPerson();
    await request(known, 200);
    await request(known, 200);
    await request(invalid, 401);
    await delay(SETTLE_MS);

    const window = async (action?: () => Promise<void>): Promise<Path> => {
      await session.post('Profiler.takePreciseCoverage');
      await Promise.all([action?.(), delay(WINDOW_MS)]);
      return pathOf((await session.post('Profiler.takePreciseCoverage')).result);
    };
    const runs = new Map<string, Path[]>();
    const add = (name: string, path: Path): void => {
      runs.set(name, [...(runs.get(name) ?? []), path]);
    };
    for (let round = 0; round < rounds; round += 1) {
      const person = await newPerson();
      add('first token, identity created', await window(async () => request(person, 200)));
      add('later token', await window(async () => request(person, 200)));
      add('invalid bearer token', await window(async () => request(invalid, 401)));
      add('idle', await window());
    }
    return new Map([...runs].map(([name, paths]) => [name, medianOf(paths)]));
  } finally {
    await app.close();
    session.disconnect();
  }
}

/** Functions of the api and its libraries that ran; not those of the emulator and of tests. */
function pathOf(scripts: readonly Profiler.ScriptCoverage[]): Path {
  const path = new Map<string, readonly RanFunction[]>();
  for (const { url, functions } of scripts) {
    if (!url.startsWith('file://')) continue;
    const file = fileURLToPath(url).replace(ROOT, '').replace(/\.js$/, '.ts');
    if (!/^(apps\/api|libs\/[^/]+)\/src\/(?!testing)/.test(file)) continue;
    // The function at the beginning of the script is the module itself.
    const ran = functions.flatMap(({ functionName, ranges: [range] }) =>
      range && range.count > 0 && range.startOffset > 0
        ? [{ name: functionName || '(anonymous)', offset: range.startOffset }]
        : [],
    );
    if (ran.length > 0) path.set(file, ran);
  }
  return path;
}

/** What ran in one window and not in the other. */
function difference(path: Path, other: Path): Path {
  const rest = [...path].map(([file, functions]) => {
    const others = new Set(other.get(file)?.map(({ offset }) => offset));
    return [file, functions.filter(({ offset }) => !others.has(offset))] as const;
  });
  return new Map(rest.filter(([, functions]) => functions.length > 0));
}

function medianOf(paths: readonly Path[]): Path {
  const sorted = paths.toSorted((a, b) => functionsOf(a) - functionsOf(b));
  return sorted[Math.floor(sorted.length / 2)] ?? new Map<string, readonly RanFunction[]>();
}

function functionsOf(path: Path, folder = ''): number {
  return filesOf(path, folder).reduce((sum, [, functions]) => sum + functions.length, 0);
}

function filesOf(path: Path, folder: string): (readonly [string, readonly RanFunction[]])[] {
  return [...path].filter(([file]) => file.startsWith(folder));
}

function report(paths: ReadonlyMap<string, Path>): void {
  const names = [...paths.keys()];
  const idle = paths.get('idle') ?? new Map<string, readonly RanFunction[]>();
  const folders = new Set(
    [...paths.values()].flatMap((path) =>
      [...path.keys()].map((file) => file.split('/').slice(0, 2).join('/')),
    ),
  );
  const cell = (path: Path, folder = ''): string =>
    `${filesOf(path, folder).length} / ${functionsOf(path, folder)}`;
  const row = (name: string, cells: readonly string[]): string =>
    `| ${[name, ...cells].join(' | ')} |`;
  console.log(
    [
      row('files / functions', names),
      row(
        '---',
        names.map(() => '---:'),
      ),
      ...[...folders].sort().map((folder) =>
        row(
          folder,
          [...paths.values()].map((path) => cell(path, `${folder}/`)),
        ),
      ),
      row(
        '**all**',
        [...paths.values()].map((path) => `**${cell(path)}**`),
      ),
      row(
        'of them not in idle windows',
        [...paths.values()].map((path) => cell(difference(path, idle))),
      ),
    ].join('\n'),
  );
  if (!list) return;
  for (const [name, path] of paths) {
    console.log(`\n# ${name}`);
    for (const [file, functions] of [...path].sort(([a], [b]) => (a < b ? -1 : 1))) {
      console.log(`${file}: ${functions.map((ran) => ran.name).join(', ')}`);
    }
  }
}
