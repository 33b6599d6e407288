// Runs before npm scripts, on any Node and without packages: one sentence with the remedy instead of
// the errors of the first program that misses something. --writes: the script builds, and may start the
// local environment. --built: it runs what was built.
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';

/** For dist/, an empty database and its write-ahead log. */
const MIN_FREE_BYTES = 250 * 1024 ** 2;
const MIN_NODE = 24;

function problem() {
  if (!existsSync('node_modules/.package-lock.json')) {
    return 'The packages are not installed completely: run npm ci, then this command again.';
  }
  if (Number(process.versions.node.split('.')[0]) < MIN_NODE) {
    return `The Node.js ${MIN_NODE} that npm installs is missing, and ${process.version} is too old: run npm ci without --ignore-scripts and --omit=dev, or put Node.js ${MIN_NODE} first on the PATH.`;
  }
  if (process.argv.includes('--built') && !existsSync('dist/bin/acs-identity.js')) {
    return 'Nothing is built: run npm run build first (npm start builds, too).';
  }
  if (!process.argv.includes('--writes')) return undefined;
  if (!existsSync('node_modules/typescript') || !existsSync('node_modules/rolldown')) {
    return 'The development packages are not installed: run npm ci without --omit=dev, then this command again.';
  }
  for (const folder of ['dist', '.local']) {
    const place = existsSync(folder) ? folder : '.';
    try {
      accessSync(place, constants.W_OK);
    } catch (error) {
      return `This user can't write to ${process.cwd()}/${place} (${error.code}): make the folder writable for this user (chown -R), or work in a copy of your own.`;
    }
  }
  const { bavail, bsize } = statfsSync('.');
  const free = bavail * bsize;
  return free < MIN_FREE_BYTES
    ? `The disk of ${process.cwd()} has only ${Math.floor(free / 1024 ** 2)} MB left, and ${MIN_FREE_BYTES / 1024 ** 2} MB are needed: free some space, then run this command again.`
    : undefined;
}

const sentence = problem();
if (sentence !== undefined) {
  console.error(sentence);
  process.exitCode = 1;
}
