/**
 * The transparency log's speed on one core.
 *
 *   npm run bench:transparency-log -- [--entries 1000000] [--bytes 700]
 *
 * `leaves/s`: hash entries, append them and fill tiles. `verified/s`: read entry bundles, hash them
 * and compare them with tiles and root.
 */
import { randomBytes } from 'node:crypto';
import {
  CompactRange,
  decodeEntryBundle,
  encodeEntryBundle,
  hashLeaf,
  tilePath,
  TILE_WIDTH,
  TreeFrontier,
  verifyLog,
  type Tile,
} from '#libs/transparency-log';
import { benchmarkOptions } from './options.js';

const { entries: count, bytes: entryBytes } = benchmarkOptions(import.meta.url, {
  ...{ entries: 1_000_000, bytes: 700 },
});

const bundles: Uint8Array[] = [];
const widths: number[] = [];
for (let start = 0; start < count; start += TILE_WIDTH) {
  const width = Math.min(TILE_WIDTH, count - start);
  const bytes = randomBytes(width * entryBytes);
  const entries = Array.from({ length: width }, (_, nth) =>
    bytes.subarray(nth * entryBytes, (nth + 1) * entryBytes),
  );
  bundles.push(encodeEntryBundle(entries));
  widths.push(width);
}

const tiles = new Map<string, Uint8Array>();
function store(completed: readonly Tile[]): void {
  for (const tile of completed) tiles.set(tilePath(tile), tile.hashes);
}

let frontier = TreeFrontier.empty();
const appendMs = measure(() => {
  bundles.forEach((bundle, nth) => {
    const appended = frontier.append(decodeEntryBundle(bundle, widths[nth] ?? 0).map(hashLeaf));
    frontier = appended.frontier;
    store(appended.completedTiles);
  });
  store(frontier.partialTiles);
});
const head = { size: frontier.size, root: frontier.root() };

const startedAt = performance.now();
await verifyLog({
  start: new CompactRange(),
  batches: bundles.map((bundle, nth) => decodeEntryBundle(bundle, widths[nth] ?? 0)),
  heads: [head],
  readTile: (address) => tiles.get(tilePath(address)) ?? new Uint8Array(),
});
const verifyMs = performance.now() - startedAt;

report('leaves', appendMs);
report('verified', verifyMs);

function measure(work: () => void): number {
  const before = performance.now();
  work();
  return performance.now() - before;
}

function report(what: string, ms: number): void {
  const perSecond = Math.round((count / ms) * 1000);
  console.log(
    `${what}/s ${perSecond} (${count} entries of ${entryBytes} bytes, ${Math.round(ms)} ms)`,
  );
}
