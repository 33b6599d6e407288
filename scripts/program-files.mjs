// What the bundled programs need to run elsewhere: used by the packages of platforms.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outside } from './bundle-externals.mjs';

const project = fileURLToPath(new URL('..', import.meta.url));

/**
 * Copies programs with the console and the packages that they load from node_modules.
 *
 * @param programs names in dist/bin
 * @param target folder that gets `bin`, `console`, `node_modules` and `package.json`
 */
export function copyPrograms(programs, target) {
  if (!existsSync(join(project, 'dist/bin/api.js'))) throw new Error('Run npm run build first.');
  mkdirSync(target, { recursive: true });
  for (const name of programs.flatMap((program) => [program, `${program}.js`]))
    cpSync(join(project, 'dist/bin', name), join(target, 'bin', name), { recursive: true });
  cpSync(join(project, 'dist/console'), join(target, 'console'), { recursive: true });
  const { name, version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  const manifest = JSON.stringify({ name, version, private: true, type: 'module' });
  writeFileSync(join(target, 'package.json'), `${manifest}\n`);
  for (const name of outside) copyPackage(name, project, target, target);
}

/** Copies a package as a dependency of the one at `source`, with its own dependencies. */
function copyPackage(name, source, destination, target) {
  const folder = installedFolder(name, source);
  // What stands at the top is found from everywhere; another version stays below the package that needs it.
  const isAtTop = folder === join(project, 'node_modules', name);
  const copy = join(isAtTop ? target : destination, 'node_modules', name);
  if (existsSync(copy)) return;
  cpSync(folder, copy, {
    recursive: true,
    filter: (path) =>
      !/\.(map|[cm]?ts|md)$/.test(path) && !path.startsWith(join(folder, 'node_modules')),
  });
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  for (const dependency of Object.keys(dependencies)) copyPackage(dependency, folder, copy, target);
}

/** Where Node finds a package for a file in `source`. */
function installedFolder(name, source) {
  const folder = join(source, 'node_modules', name);
  if (existsSync(folder)) return folder;
  if (dirname(source) === source) throw new Error(`${name} is not installed: run npm ci.`);
  return installedFolder(name, dirname(source));
}
