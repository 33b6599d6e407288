import { parseArgs } from 'node:util';
import { startEmulator } from '../../emulator/src/index.js';
import { apiEnvironment } from './api-environment.js';
import {
  type ApiProcessOptions,
  COMPILED_API,
  startApi,
  STOP_WITH_SUPERVISOR,
} from './api-process.js';
import { startCompiler } from './compiler.js';
import { LocalFolder } from './local-folder.js';
import { startLocalDatabase } from './postgres/local-database.js';

const { values: options } = parseArgs({
  options: { watch: { type: 'boolean' }, inspect: { type: 'boolean' } },
});

/**
 * `npm start`: PostgreSQL, the emulator and the api on loopback, until Ctrl-C.
 *
 * `--watch` compiles after every change and restarts the api. `--inspect` opens the api's debugger
 * port, 9229.
 */
async function main(): Promise<void> {
  const folder = new LocalFolder();
  const port = Number(process.env.PORT ?? 3000);
  const running = await folder.readEnvironment();
  if (running) {
    throw new Error(`The local environment is already running, as process ${running.processId}.`);
  }

  const closers: (() => Promise<void>)[] = [];
  let isStopping = false;
  const stop = async (exitCode: number): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    await folder.removeEnvironment();
    for (const close of closers.reverse()) await close();
    process.exit(exitCode);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      console.log('\nStopping …');
      void stop(0);
    });
  }

  try {
    console.log('Starting PostgreSQL …');
    const database = await startLocalDatabase(folder, process.env.DATABASE_URL);
    closers.push(async () => database.stop());
    console.log('Starting the emulator of Entra ID, ACS and Key Vault …');
    const emulator = await startEmulator({ directory: folder.emulator, persist: true });
    closers.push(async () => emulator.stop());
    if (options.watch) closers.push(startCompiler().stop);
    console.log('Starting the api …');
    const api = await startApi(
      {
        ...shellEnvironment(),
        ...apiEnvironment(emulator, database.serviceUrl),
        PORT: String(port),
        LOCAL_SUPERVISOR_PROCESS_ID: String(process.pid),
      },
      processOptions(),
    );
    closers.push(async () => api.stop());
    void api.ended.then(async (code) => {
      if (!isStopping) console.error(`The api ended unexpectedly, with exit code ${code}.`);
      await stop(1);
    });
    await folder.writeEnvironment({
      apiUrl: api.url,
      emulator: {
        entra: emulator.entraUrl,
        acs: emulator.acsUrl,
        keyVault: emulator.keyVaultUrl,
        control: emulator.controlUrl,
      },
      caFile: emulator.caFile,
      databaseUrl: database.serviceUrl,
      tenantId: emulator.tenantId,
      apiAudience: emulator.apiAudience,
      processId: process.pid,
    });
    console.log(welcome(api.url));
    if (options.inspect) console.log('Debugger port of the api: 127.0.0.1:9229\n');
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    await stop(1);
  }
}

/** The bundled api, or the compiled one for those who change or debug it. */
function processOptions(): ApiProcessOptions {
  const nodeOptions = [
    ...(options.watch
      ? ['--import', STOP_WITH_SUPERVISOR, '--watch', '--watch-preserve-output']
      : []),
    ...(options.inspect ? ['--inspect'] : []),
  ];
  return nodeOptions.length === 0 ? {} : { program: COMPILED_API, nodeOptions };
}

/** What the api inherits from the shell: PATH, and settings to try out. */
function shellEnvironment(): Record<string, string | undefined> {
  const { DATABASE_URL: _ofTheOwner, ...rest } = process.env;
  return rest;
}

function welcome(apiUrl: string): string {
  return `
Ready: ${apiUrl} (routes: ${apiUrl}/docs). Ctrl-C stops everything; the data remain in .local/.
This is for development: Entra ID, ACS and Key Vault are emulated.

Try it in another terminal:

  curl -X POST ${apiUrl}/v1/me/tokens \\
    -H "authorization: Bearer $(npm run -s token -- alice)" \\
    -H 'content-type: application/json' -d '{}'
`;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
