// Builds the auditors' console into dist/console, with a compressed copy of each text and the list of hashes
// that the api serves it by. Does nothing when the console in dist/ is of the same input.
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const FROM = 'apps/console';
const TO = 'dist/console';
const FINGERPRINT = 'dist/.console.sha256';

const compressors = [
  ['.br', async (content) => promisify(brotliCompress)(content, BROTLI)],
  ['.gz', async (content) => promisify(gzip)(content, { level: 9 })],
];
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };

/** Of all that the console is made of: its sources, the versions of packages, and this script. */
function fingerprint() {
  const sources = [FROM, 'libs/client/src', 'libs/transparency-log/src'];
  const files = sources.flatMap((folder) => globSync(`${folder}/**/*.*`)).sort();
  const hash = createHash('sha256');
  for (const file of [...files, 'package-lock.json', 'scripts/bundle-console.mjs'])
    if (!file.endsWith('.spec.ts')) hash.update(`${file}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

const input = fingerprint();
const isCurrent =
  existsSync(`${TO}/files.json`) &&
  existsSync(FINGERPRINT) &&
  readFileSync(FINGERPRINT, 'utf8') === input;
if (!isCurrent) {
  rmSync(FINGERPRINT, { force: true });
  const { build } = await import('vite');
  await build({ configFile: `${FROM}/vite.config.ts`, logLevel: 'warn' });
  const files = globSync(`${TO}/**/*.{css,html,js,svg}`).sort();
  const hashes = {};
  await Promise.all(
    files.map(async (file) => {
      const content = readFileSync(file);
      hashes[file.slice(TO.length + 1)] = createHash('sha256').update(content).digest('hex');
      for (const [extension, compress] of compressors) {
        const compressed = await compress(content);
        if (compressed.length < content.length) writeFileSync(file + extension, compressed);
      }
    }),
  );
  const list = Object.fromEntries(Object.entries(hashes).sort());
  writeFileSync(`${TO}/files.json`, `${JSON.stringify(list, null, 2)}\n`);
  writeFileSync(FINGERPRINT, input);
}
