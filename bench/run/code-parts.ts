import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where a function is, as V8's profiles state it. */
export interface CodeLocation {
  readonly functionName: string;
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
}

/** A bundle has a comment with the name of each file that it was made of. */
const MODULE = /^\/\/ ((?:\.\.\/)*(?:node_modules|dist)\/\S+)$/;
/** V8's own, without a file. */
const OF_V8 = new Map([
  ['(garbage collector)', 'garbage collection'],
  ['(program)', 'native code and V8'],
  ['(idle)', 'idle'],
]);
/** Packages that belong together. The first match counts. */
const PACKAGES: readonly [RegExp, string][] = [
  [/^(@azure\/communication|@azure\/core-|@typespec\/)/, 'ACS SDK'],
  [/^(@azure\/|@azure-rest)/, 'Azure credentials and vault'],
  [/^(passport|passport-azure-ad|jws|jwa|jwk-to-pem)/, 'passport-azure-ad'],
  [
    /^(fastify|@fastify\/|fast-|find-my-way|avvio|light-my-request|secure-json|reusify|ret$|rfdc)/,
    'Fastify',
  ],
  [/^(@nestjs\/|reflect-metadata|rxjs)/, 'Nest'],
  [/^(pino|sonic-boom|thread-stream|quick-format|safe-stable|@pinojs)/, 'pino'],
  [/^pg/, 'pg'],
];
const NODE_PARTS: readonly [RegExp, string][] = [
  [/crypto/, 'Node: crypto'],
  [/_http|http_|\bhttp\b/, 'Node: HTTP'],
  [/tls|net\b|stream|\bdgram/, 'Node: sockets and streams'],
  [/timers/, 'Node: timers'],
  [/task_queues|async_hooks|async_context/, 'Node: microtasks and contexts'],
  [/buffer|string_decoder|url|querystring/, 'Node: buffers and URLs'],
  [/modules\/|bootstrap|loader|vm/, 'Node: loading'],
];

/** Which part of the program a function belongs to; `undefined` for a built-in one, which is its caller's. */
export class CodeParts {
  readonly #modulesOfFiles = new Map<string, readonly { line: number; path: string }[]>();

  partOf({ functionName, url, lineNumber }: CodeLocation): string | undefined {
    const own = OF_V8.get(functionName);
    if (own !== undefined) return own;
    if (url === '') return undefined;
    if (url.startsWith('node:')) {
      return NODE_PARTS.find(([pattern]) => pattern.test(url))?.[1] ?? 'Node: other';
    }
    return partOfFile(this.#moduleAt(url, lineNumber));
  }

  #moduleAt(url: string, lineNumber: number): string {
    if (!url.startsWith('file:')) return url;
    const path = fileURLToPath(url);
    const modules = this.#modulesOfFiles.get(path) ?? modulesOf(path);
    this.#modulesOfFiles.set(path, modules);
    return modules.findLast(({ line }) => line <= lineNumber)?.path ?? path;
  }
}

function modulesOf(path: string): { line: number; path: string }[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((text, line) => {
      const [, module] = MODULE.exec(text) ?? [];
      return module === undefined ? [] : [{ line, path: module }];
    });
}

function partOfFile(path: string): string {
  const [, packageName] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? [];
  if (packageName !== undefined) {
    return PACKAGES.find(([pattern]) => pattern.test(packageName))?.[1] ?? packageName;
  }
  const [, own] = /((?:libs|apps)\/[^/]+)\//.exec(path) ?? [];
  return own ?? path;
}
