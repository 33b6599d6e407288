// Bundles the programs of production from the output of tsc into dist/bin, because opening 3,000 small
// files took most of their start (docs/decisions/0008). Both start with a small file that checks the
// version of Node. The rest of the api is one file; the command line has a part for each command, which
// loads only what that command needs. Nothing is done when the bundles are of the same input.
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { bundleProgram } from './bundle-program.mjs';

const fingerprintFile = 'dist/.bundles.sha256';

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
  // Parts of an earlier build have other names.
  rmSync('dist/bin', { recursive: true, force: true });
  await bundleProgram('api', 'dist/apps/api/src/main.js');
  await bundleProgram('acs-identity', 'dist/apps/cli/src/main.js');
  writeFileSync(fingerprintFile, input);
}
