// Puts the function app together, from deploy/functions and the built api (npm run build):
//
//   node scripts/functions-package.mjs <folder> [--without-node]
//
// The folder must not exist. It gets what the api loads from node_modules, and the Node that runs this script,
// because the platform has none for custom handlers; a container image that has one needs no second.
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { copyPrograms } from './program-files.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'without-node': { type: 'boolean', default: false } },
});
const [target] = positionals;
if (positionals.length !== 1) fail('Name one folder that the function app is put into.');
if (existsSync(target)) fail(`${target} exists already.`);

try {
  copyPrograms(['api'], target);
} catch (error) {
  fail(error.message);
}
cpSync(fileURLToPath(new URL('../deploy/functions', import.meta.url)), target, {
  recursive: true,
  filter: (path) => !path.endsWith('app-settings.json'),
});
if (!values['without-node']) cpSync(process.execPath, join(target, 'node'));

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
