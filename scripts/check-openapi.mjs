// `npm run check:openapi`: lints docs/openapi.json with Redocly, generates a client from it with hey-api,
// and checks the types of that client. The types of openapi-typescript are in libs/client, so that
// `npm run check` covers them. openapi-generator needs Java and is not run.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createClient } from '@hey-api/openapi-ts';

const DOCUMENT = 'docs/openapi.json';
const FOLDER = 'node_modules/.cache/openapi';

const COMPILER_OPTIONS = {
  target: 'es2022',
  lib: ['es2022', 'dom', 'dom.iterable'],
  module: 'nodenext',
  types: [],
  strict: true,
  noEmit: true,
};

function run(program, ...args) {
  const environment = {
    ...process.env,
    REDOCLY_TELEMETRY: 'off',
    REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
  };
  execFileSync(`node_modules/.bin/${program}`, args, { stdio: 'inherit', env: environment });
}

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
writeFileSync(`${FOLDER}/package.json`, '{"type":"module"}');
writeFileSync(
  `${FOLDER}/tsconfig.json`,
  JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ['client'] }),
);

run('redocly', 'lint', DOCUMENT, '--format=summary');
await createClient({
  input: `./${DOCUMENT}`,
  output: `${FOLDER}/client`,
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
  logs: { level: 'warn' },
});
run('tsc', '-p', FOLDER);
