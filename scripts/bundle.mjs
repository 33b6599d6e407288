// Puts each program that production runs into a file of its own, dist/bin/*.js, out of what tsc
// built: opening 3,000 small files took most of its start (docs/decisions/0008).
import { build } from 'rolldown';

/** Loaded from node_modules: they read files beside themselves, or must exist only once. */
const outside = [/^typeorm(\/|$)/, 'reflect-metadata', 'swagger-ui-dist'];

/** Packages that our dependencies would use if they were there. */
const absent = [
  /^@nestjs\/(microservices|websockets|platform-express)(\/|$)/,
  ...['@fastify/multipart', '@fastify/view', 'class-transformer', 'class-validator', 'keyv'],
  'pg-native',
];

await build({
  input: {
    api: 'dist/apps/api/src/main.js',
    'acs-identity': 'dist/apps/cli/src/main.js',
  },
  platform: 'node',
  external: [...outside, ...absent],
  onLog(level, log, print) {
    // It would be found missing only when the program needs it.
    if (log.code === 'UNRESOLVED_IMPORT') throw new Error(log.message);
    // "use restrict" in passport-azure-ad, a misspelling without effect.
    if (log.code !== 'MODULE_LEVEL_DIRECTIVE') print(level, log);
  },
  output: {
    dir: 'dist/bin',
    format: 'esm',
    chunkFileNames: '[name].js',
    keepNames: true,
  },
});
