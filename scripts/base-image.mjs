// A stand-in of the base image of the Dockerfile for machines that don't reach its registry: Debian from its
// mirror, the Node that runs this script, and the npm that started it.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Packages that node:*-bookworm-slim has and a minimal Debian has not. */
const PACKAGES = ['ca-certificates', 'libstdc++6', 'libatomic1'];

/**
 * Builds the stand-in under the name of the real one.
 *
 * @param buildah runs buildah with these arguments, and returns what it prints
 */
export function buildBaseImage(name, buildah) {
  const folder = mkdtempSync(join(tmpdir(), 'acs-identity-base-'));
  try {
    const root = join(folder, 'root');
    const include = `--include=${PACKAGES.join(',')}`;
    execFileSync('mmdebstrap', ['--variant=minbase', include, 'bookworm', root], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    const local = join(root, 'usr/local');
    cpSync(process.execPath, join(local, 'bin/node'));
    chmodSync(join(local, 'bin/node'), 0o755);
    const npm = dirname(dirname(process.env.npm_execpath));
    mkdirSync(join(local, 'lib/node_modules'), { recursive: true });
    cpSync(npm, join(local, 'lib/node_modules/npm'), { recursive: true });
    for (const program of ['npm', 'npx'])
      symlinkSync(`../lib/node_modules/npm/bin/${program}-cli.js`, join(local, 'bin', program));
    const container = buildah('from', 'scratch').trim();
    buildah('add', '--quiet', container, root, '/');
    // Where the registry of npm has a certificate of a private authority, the build needs it as this process does.
    const authorities = process.env.NODE_EXTRA_CA_CERTS;
    if (authorities) {
      buildah('add', '--quiet', container, authorities, '/etc/extra-authorities.pem');
      buildah('config', '--env', 'NODE_EXTRA_CA_CERTS=/etc/extra-authorities.pem', container);
    }
    buildah('commit', '--quiet', '--rm', container, name);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
