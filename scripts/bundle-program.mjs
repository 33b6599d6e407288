import { build } from 'rolldown';
import { outside } from './bundle-externals.mjs';

/** Optional packages of our dependencies, which are not installed. */
const absent = [
  /^@nestjs\/(microservices|websockets|platform-express)(\/|$)/,
  ...[
    '@fastify/multipart',
    '@fastify/static',
    '@fastify/view',
    'class-transformer',
    'class-validator',
    'keyv',
  ],
  'pg-native',
];

/**
 * Requires `node:http` and `node:https`, because an import evaluates each of a module's exports, and among
 * those of `node:http` is the whole of undici: 65 ms of every start.
 */
const requireHttp = {
  name: 'require-http',
  resolveId(source, importer, { kind }) {
    const name = /^(?:node:)?(https?)$/.exec(source)?.[1];
    return name && kind !== 'require-call' ? `\0required-${name}.cjs` : undefined;
  },
  load(id) {
    const name = /^\0required-(https?)\.cjs$/.exec(id)?.[1];
    return name && { code: `module.exports = require('node:${name}');`, moduleType: 'js' };
  },
};

/**
 * Takes the ES modules of the ACS SDK, which Node itself would not find. Its CommonJS file requires a second
 * copy of all that the Azure SDKs share.
 */
const alias = {
  '@azure/communication-identity': '@azure/communication-identity/dist-esm/src/index.js',
};

/**
 * Recognizes a form by its name. The class is among those that Node loads with the whole of its undici when
 * they are named: 17 MB, for requests that have no forms.
 */
const noForms = {
  name: 'no-forms',
  transform(code, id) {
    return id.includes('/@typespec/ts-http-runtime/') && code.includes('instanceof FormData')
      ? code.replaceAll(
          /typeof FormData !== "undefined" && (\w+) instanceof FormData/g,
          '$1?.[Symbol.toStringTag] === "FormData"',
        )
      : undefined;
  },
};

/**
 * Takes away the search of @nestjs/typeorm for two classes that TypeORM 1 no longer has: it requires the
 * package from node_modules, a second copy beside the bundled one, in 160 ms of each start.
 */
const oneTypeorm = {
  name: 'one-typeorm',
  load(id) {
    return id.endsWith('/@nestjs/typeorm/dist/common/typeorm-compat.js')
      ? {
          code: 'export const Connection = undefined; export const AbstractRepository = undefined;',
          moduleType: 'js',
        }
      : undefined;
  },
};

/**
 * Writes characters beyond ASCII as escapes. V8 keeps a source with a single one of them in two bytes for
 * each character, and the source of the api has more than seven million.
 */
const ascii = {
  name: 'ascii',
  generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle))
      chunk.code = chunk.code.replaceAll(/[^\0-\x7f]/g, (character) => {
        const code = character.charCodeAt(0).toString(16);
        return `\\u${code.padStart(4, '0')}`;
      });
  },
};

/**
 * Bundles one program.
 *
 * @param input compiled file
 * @param dir of the program `<name>.js` and the folder `<name>` with the rest
 * @param plugins of a benchmark, which replaces modules
 */
export async function bundleProgram(name, input, { dir = 'dist/bin', plugins = [] } = {}) {
  await build({
    input: { [name]: input },
    platform: 'node',
    external: [...outside.map((name) => new RegExp(`^${name}(/|$)`)), ...absent],
    resolve: { alias },
    plugins: [requireHttp, oneTypeorm, noForms, ascii, ...plugins],
    treeshake: {
      // Our modules have no side effects: of a library's index, only what is used is bundled.
      moduleSideEffects: [{ test: /[\\/]dist[\\/](apps|libs)[\\/]/, sideEffects: false }],
    },
    onLog(level, log, print) {
      // Otherwise it would be missing only when the program needs it.
      if (log.code === 'UNRESOLVED_IMPORT') throw new Error(log.message);
      // "use restrict" in passport-azure-ad, a misspelling without effect.
      if (log.code !== 'MODULE_LEVEL_DIRECTIVE') print(level, log);
    },
    output: {
      dir,
      format: 'esm',
      chunkFileNames: `${name}/[name].js`,
      keepNames: true,
      // Docstrings would be a fifth of the file, which each start reads.
      comments: { legal: true, annotation: false, jsdoc: false },
    },
  });
}
