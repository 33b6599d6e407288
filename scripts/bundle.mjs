// Bundles the programs of production from the output of tsc into dist/bin, because opening 3,000 small
// files took most of their start (docs/decisions/0008). Both start with a small file that checks the
// version of Node. The rest of the api is one file; the command line has a part for each command, which
// loads only what that command needs. Nothing is done when the bundles are of the same input.
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'rolldown';
import { outside } from './bundle-externals.mjs';

const fingerprintFile = 'dist/.bundles.sha256';

/** Optional packages of our dependencies, which are not installed. */
const absent = [
  /^@nestjs\/(microservices|websockets|platform-express)(\/|$)/,
  ...['@fastify/multipart', '@fastify/view', 'class-transformer', 'class-validator', 'keyv'],
  'pg-native',
];

async function bundle(name, input) {
  await build({
    input: { [name]: input },
    platform: 'node',
    external: [...outside.map((name) => new RegExp(`^${name}(/|$)`)), ...absent],
    treeshake: {
      // Our modules have no side effects: of a library's index, only what is used is bundled.
      moduleSideEffects: [{ test: /[\\/]dist[\\/](apps|libs)[\\/]/, sideEffects: false }],
    },
    onLog(level, log, print) {
      // Otherwise it would be missing only when the program needs it.
      if (log.code === 'UNRESOLVED_IMPORT') throw new Error(log.message);
      // "use restrict" in passport-azure-ad, a misspelling without effect.
      if (log.code !== 'MODULE_LEVEL_DIRECTIVE') print(level, log);
    },
    output: {
      dir: 'dist/bin',
      format: 'esm',
      chunkFileNames: `${name}/[name].js`,
      keepNames: true,
    },
  });
}

/** Of all that the bundles are made of: our compiled code, the versions of packages, and these scripts. */
function fingerprint() {
  const hash = createHash('sha256');
  const compiled = globSync('dist/{apps,libs}/**/*.{js,json}').sort();
  const scripts = globSync('scripts/bundle*.mjs').sort();
  for (const file of [...compiled, 'package-lock.json', ...scripts]) {
    hash.update(`${file}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

const input = fingerprint();
const isCurrent =
  ['api', 'acs-identity'].every((name) => existsSync(`dist/bin/${name}.js`)) &&
  existsSync(fingerprintFile) &&
  readFileSync(fingerprintFile, 'utf8') === input;
if (!isCurrent) {
  rmSync(fingerprintFile, { force: true });
  await bundle('api', 'dist/apps/api/src/main.js');
  await bundle('acs-identity', 'dist/apps/cli/src/main.js');
  writeFileSync(fingerprintFile, input);
}
