import { createWriteStream, realpathSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import {
  type ApiProcessOptions,
  BUNDLED_COMMAND_LINE,
  COMPILED_API,
  COMPILED_COMMAND_LINE,
  printProblems,
  PROJECT_FOLDER,
  startApi,
  STOP_WITH_SUPERVISOR,
} from './api-process.js';
import { startCompiler } from './compiler.js';
import { explainFailure } from './explain-failure.js';
import { LocalFolder } from './local-folder.js';
import { freePorts } from './local-ports.js';
import { otherPostgres } from './postgres/other-postgres.js';
import { partsNotReady } from './readiness.js';
import { choicesOf, ignoredNames, settingsIn } from './shell-variables.js';
import { onStopTrigger } from './stop-triggers.js';
import { welcome } from './welcome.js';

const USAGE = `Usage: npm start -- [--inspect]
       npm run start:dev -- [--inspect]

Starts PostgreSQL, the emulator of Azure, the api and the sample page, until Ctrl-C.

  --inspect  opens the debugger port of the api, 9229
  --watch    compiles after every change and restarts the api, as start:dev does
  --help     shows this text

docs/local-environment.md describes the rest.`;

interface Options {
  readonly watch: boolean;
  readonly inspect: boolean;
}

/**
 * `npm start`: PostgreSQL, the emulator, the api and the sample page, on loopback by default, until Ctrl-C.
 *
 * `--watch` compiles after every change and restarts the api. `--inspect` opens the api's debugger
 * port, 9229.
 */
export async function run(): Promise<void> {
  try {
    const { help, ...options } = readOptions();
    if (help) console.log(USAGE);
    else await start(options);
  } catch (error) {
    console.error(explainFailure(error));
    process.exitCode = 1;
  }
}

/** @throws with the usage for an option that does not exist */
function readOptions(): Options & { readonly help: boolean } {
  const flag = { type: 'boolean', default: false } as const;
  try {
    return parseArgs({ options: { watch: flag, inspect: flag, help: flag } }).values;
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : 'wrong options'}\n\n${USAGE}`);
  }
}

async function start(options: Options): Promise<void> {
  if (realpathSync(process.cwd()) !== realpathSync(PROJECT_FOLDER)) {
    throw new Error(`This is not the folder of the project: cd ${PROJECT_FOLDER} && npm start`);
  }
  const { LOG_LEVEL = 'info' } = process.env;
  if (['warn', 'error', 'silent'].includes(LOG_LEVEL)) {
    // The api would start, and nobody would learn where it listens.
    throw new Error('LOG_LEVEL must be info or debug: the api says at info where it listens.');
  }
  const folder = new LocalFolder();
  const port = Number(process.env.PORT ?? 3000);
  /** Where the sample page and the sign-in for browsers listen. In a container, loopback is not reached. */
  const browserHost = process.env.LOCAL_BROWSER_HOST;

  const closers: (() => Promise<void>)[] = [];
  const state = { isStopping: false };
  const stop = async (exitCode: number): Promise<void> => {
    if (state.isStopping) return;
    state.isStopping = true;
    for (const close of closers.reverse()) {
      await close().catch((error: unknown) => {
        console.error(error);
      });
    }
    process.exit(exitCode);
  };
  const ready = onStopTrigger(() => {
    if (!state.isStopping) console.log('\nStopping …');
    void stop(0);
  });

  try {
    const lock = await folder.lock();
    closers.push(async () => lock.release());
    const wanted = await folder.readPorts();
    const { service: password } = await folder.passwords();
    const databaseUrl = otherPostgres(process.env.DATABASE_URL, {
      password,
      port: wanted.postgres,
    });
    const ports = await freePorts(wanted, port);
    for (const [name, number] of Object.entries(wanted)) {
      const now = ports[name as keyof typeof ports];
      if (now !== number)
        console.log(`Port ${number} (${name}) is in use; it is ${now} from now on.`);
    }
    await folder.writePorts(ports);
    console.log('Starting PostgreSQL …');
    // After the checks above, which answer at once: they load most of the code.
    const [
      { startLocalDatabase },
      { startEmulator },
      { apiEnvironment },
      { consoleProviders },
      { startSamplePage },
      { serviceSettings },
    ] = await Promise.all([
      import('./postgres/local-database.js'),
      import('../../emulator/src/index.js'),
      import('./api-environment.js'),
      import('./console-providers.js'),
      import('./sample-page.js'),
      import('#libs/composition'),
    ]);
    const database = await startLocalDatabase(folder, databaseUrl, {
      port: ports.postgres,
      commandLine: usesCompiledPrograms(options) ? COMPILED_COMMAND_LINE : BUNDLED_COMMAND_LINE,
    });
    closers.push(async () => database.stop());
    console.log('Starting the emulator of Entra ID, ACS and Key Vault …');
    const emulator = await startEmulator({
      ...{ directory: folder.emulator, persist: true, ports },
      ...(browserHost !== undefined && { entraHttpHost: browserHost, allowRemote: true }),
    });
    closers.push(async () => emulator.stop());
    if (options.watch) closers.push(startCompiler().stop);
    console.log('Starting the api …');
    const sampleUrl = `http://localhost:${ports.sample}`;
    await writeFile(folder.consoleProviders, consoleProviders(emulator, emulator.entraHttpUrl));
    const own = {
      ...apiEnvironment(emulator, database.serviceUrl),
      CONSOLE_ENABLED: 'true',
      CONSOLE_PROVIDERS_FILE: folder.consoleProviders,
      PORT: String(port),
      ALLOWED_ORIGINS: [process.env.ALLOWED_ORIGINS ?? '', sampleUrl].filter(Boolean).join(),
    };
    const variables = { ...own, ...choicesOf(process.env, own) };
    const ignored = ignoredNames(process.env, own);
    if (ignored.length > 0)
      console.log(`Not taken from the shell, because npm start sets them: ${ignored.join(', ')}.`);
    const log = createWriteStream(folder.apiLog, { mode: 0o600 });
    // Everything else works without it.
    log.on('error', (error) => {
      console.error(`Nothing is written to ${folder.apiLog}: ${explainFailure(error)}`);
    });
    const api = await startApi(
      {
        ...shellEnvironment(),
        ...variables,
        LOCAL_SUPERVISOR_PROCESS_ID: String(process.pid),
      },
      {
        ...processOptions(options),
        onLine: (line) => {
          log.write(`${line}\n`);
          printProblems(line);
        },
      },
    );
    closers.push(async () => api.stop());
    if (api.process.pid !== undefined) await lock.add(api.process.pid);
    void api.ended.then(async (code) => {
      if (!state.isStopping) console.error(`The api ended unexpectedly, with exit code ${code}.`);
      await stop(1);
    });
    const sample = await startSamplePage({
      ...{ port: ports.sample, host: browserHost, apiUrl: api.url, emulator },
    });
    closers.push(async () => sample.stop());
    const environment = {
      apiUrl: api.url,
      sampleUrl,
      consoleUrl: `${api.url}/console/`,
      emulator: {
        entra: emulator.entraUrl,
        entraHttp: emulator.entraHttpUrl,
        acs: emulator.acsUrl,
        keyVault: emulator.keyVaultUrl,
        control: emulator.controlUrl,
      },
      caFile: emulator.caFile,
      databaseUrl: database.serviceUrl,
      tenantId: emulator.tenantId,
      apiAudience: emulator.apiAudience,
      processId: process.pid,
    };
    closers.push(async () => folder.removeEnvironment());
    const names = serviceSettings.flatMap((part) => part.variables.map(({ name }) => name));
    await folder.writeApiVariables({
      ...settingsIn(process.env, names),
      ...variables,
      ...database.ownerEnvironment,
    });
    await folder.writeEnvironment(environment);
    console.log(welcome(environment, await partsNotReady(api.url)));
    if (options.inspect) console.log('Debugger port of the api: 127.0.0.1:9229\n');
    ready();
  } catch (error) {
    if (!state.isStopping) console.error(explainFailure(error));
    await stop(1);
  }
}

/** Those who change or debug the code have the compiled programs, which `start:dev` does not bundle. */
function usesCompiledPrograms({ watch, inspect }: Options): boolean {
  return watch || inspect;
}

function processOptions(options: Options): ApiProcessOptions {
  const nodeOptions = [
    ...(options.watch
      ? ['--import', STOP_WITH_SUPERVISOR, '--watch', '--watch-preserve-output']
      : []),
    ...(options.inspect ? ['--inspect'] : []),
  ];
  return usesCompiledPrograms(options) ? { program: COMPILED_API, nodeOptions } : {};
}

/** What the api inherits from the shell: PATH, and settings to try out. */
function shellEnvironment(): Record<string, string | undefined> {
  const { DATABASE_URL: _ofTheOwner, ...rest } = process.env;
  return rest;
}
