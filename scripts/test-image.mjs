// `npm run test:image`: builds the image of the Dockerfile with buildah and runs test/image on it. Needs root,
// and Debian's packages buildah and mmdebstrap; says plainly when it has to leave everything out.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBaseImage } from './base-image.mjs';

const [, base] = /^FROM (\S+)/.exec(readFileSync('Dockerfile', 'utf8'));
const BASE = `docker.io/library/${base}`;
const IMAGE = 'localhost/acs-identity:test';
/** Nothing of it stays on this machine. */
const storage = mkdtempSync(join(tmpdir(), 'acs-identity-images-'));
const options = ['--root', join(storage, 'root'), '--runroot', join(storage, 'run')];

try {
  const reason = whatIsMissing();
  if (reason) console.log(`SKIPPED: the image was not built, because ${reason}.`);
  else process.exitCode = test();
} finally {
  rmSync(storage, { recursive: true, force: true });
}

function whatIsMissing() {
  if (process.getuid?.() !== 0) return 'this user is not root';
  if (!has('buildah')) return 'buildah is not installed: apt-get install buildah';
  if (
    spawnSync('buildah', [...options, 'pull', '--quiet', BASE], { timeout: 300_000 }).status === 0
  )
    return undefined;
  if (!has('mmdebstrap'))
    return `${BASE} can't be pulled, and mmdebstrap, which makes a stand-in, is not installed`;
  console.log(`${BASE} can't be pulled: a stand-in is made from Debian and this Node.js.`);
  try {
    buildBaseImage(BASE, buildah);
    return undefined;
  } catch (error) {
    return `neither ${BASE} nor the packages of Debian can be loaded (${error.message.split('\n')[0]})`;
  }
}

function test() {
  const cache = execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim();
  const { status } = spawnSync(
    'buildah',
    [...options, 'bud', '--isolation', 'chroot', '--pull-never', '--target', 'production'].concat(
      '--volume',
      `${cache}:/root/.npm`,
      '--tag',
      IMAGE,
      '.',
    ),
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  if (status !== 0) return 1;
  const container = buildah('from', '--pull-never', IMAGE).trim();
  const root = buildah('mount', container).trim();
  try {
    const tests = spawnSync('vitest', ['run', '--project', 'image'], {
      stdio: 'inherit',
      env: {
        ...process.env,
        TEST_IMAGE: JSON.stringify({ container, root, options, image: IMAGE }),
      },
    });
    return tests.status ?? 1;
  } finally {
    buildah('umount', container);
    buildah('rm', container);
  }
}

function buildah(...words) {
  return execFileSync('buildah', [...options, ...words], { encoding: 'utf8' });
}

function has(program) {
  return spawnSync(program, ['--version']).error === undefined;
}
