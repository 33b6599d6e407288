// Puts the function app together, from deploy/functions and the built api (npm run build):
//
//   node scripts/functions-package.mjs <folder> [--without-node]
//
// The folder must not exist. It gets what the api loads from node_modules, and the Node that runs this script,
// because the platform has none for custom handlers; a container image that has one needs no second.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { outside } from './bundle-externals.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'without-node': { type: 'boolean', default: false } },
});
const [target] = positionals;
if (positionals.length !== 1) fail('Name one folder that the function app is put into.');
if (existsSync(target)) fail(`${target} exists already.`);
const project = fileURLToPath(new URL('..', import.meta.url));
if (!existsSync(join(project, 'dist/bin/api.js'))) fail('Run npm run build first.');

mkdirSync(target, { recursive: true });
cpSync(join(project, 'deploy/functions'), target, {
  recursive: true,
  filter: (path) => !path.endsWith('app-settings.json'),
});
for (const part of ['api', 'api.js'])
  cpSync(join(project, 'dist/bin', part), join(target, 'bin', part), { recursive: true });
cpSync(join(project, 'dist/console'), join(target, 'console'), { recursive: true });
writeFileSync(join(target, 'package.json'), '{ "private": true, "type": "module" }\n');
// TypeORM loads the driver by its name.
for (const name of [...outside, 'pg']) copyPackage(name, project, target);
if (!values['without-node']) cpSync(process.execPath, join(target, 'node'));

/** Copies a package as a dependency of the one at `source`, with its own dependencies. */
function copyPackage(name, source, destination) {
  const folder = installedFolder(name, source);
  // What stands at the top is found from everywhere; another version stays below the package that needs it.
  const isAtTop = folder === join(project, 'node_modules', name);
  const copy = join(isAtTop ? target : destination, 'node_modules', name);
  if (existsSync(copy)) return;
  cpSync(folder, copy, {
    recursive: true,
    filter: (path) =>
      !/\.(map|d\.[cm]?ts|md)$/.test(path) && !path.startsWith(join(folder, 'node_modules')),
  });
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  for (const dependency of Object.keys(dependencies)) copyPackage(dependency, folder, copy);
}

/** Where Node finds a package for a file in `source`. */
function installedFolder(name, source) {
  const folder = join(source, 'node_modules', name);
  if (existsSync(folder)) return folder;
  if (dirname(source) === source) fail(`${name} is not installed: run npm ci.`);
  return installedFolder(name, dirname(source));
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
