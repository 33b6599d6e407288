import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The encodings of a file, the preferred ones first. */
const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

export type Encoding = (typeof ENCODINGS)[number][0];

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** A file of the console, in memory. */
export interface ConsoleFile {
  readonly mediaType: string;
  readonly etag: string;
  /** Whether its name contains its hash, so that it never changes. */
  readonly isImmutable: boolean;
  readonly content: Buffer;
  readonly encoded: readonly (readonly [Encoding, Buffer])[];
}

/** The built console. */
export interface ConsoleFiles {
  /** By path below `/console/`; the page is the empty one. Nothing else is served. */
  readonly byPath: ReadonlyMap<string, ConsoleFile>;
  /** SHA-256 of its list of files and hashes, in hexadecimal: what a release publishes. */
  readonly build: string;
}

/** `scripts/bundle-console.mjs` writes it: the hash of each file by path. */
const LIST = 'files.json';

/** @throws Error when the console is not built, or a file is not the one that was built */
export function readConsoleFiles(): ConsoleFiles {
  const folder = builtConsole();
  const list = readFileSync(join(folder, LIST));
  const hashes = JSON.parse(list.toString('utf8')) as Readonly<Record<string, string>>; // of our build
  const byPath = new Map<string, ConsoleFile>();
  for (const [path, hash] of Object.entries(hashes)) {
    const content = readFileSync(join(folder, path));
    if (sha256(content) !== hash) throw new Error(`${path} of the console is not the one built`);
    byPath.set(path === 'index.html' ? '' : path, {
      mediaType: MEDIA_TYPES[extname(path)] ?? 'application/octet-stream',
      etag: `"${hash.slice(0, 32)}"`,
      isImmutable: path.startsWith('assets/'),
      content,
      encoded: ENCODINGS.flatMap(([encoding, extension]) => {
        const file = join(folder, `${path}${extension}`);
        return existsSync(file) ? [[encoding, readFileSync(file)] as const] : [];
      }),
    });
  }
  return { byPath, build: sha256(list) };
}

/** The folder `console` of what was built: beside a bundle, or below `dist` of the project. */
function builtConsole(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; folder !== dirname(folder); folder = dirname(folder)) {
    for (const candidate of [join(folder, 'console'), join(folder, 'dist/console')])
      if (existsSync(join(candidate, LIST))) return candidate;
  }
  throw new Error('CONSOLE_ENABLED is true, and the console is not built: npm run build');
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
