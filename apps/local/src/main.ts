import { LocalFolder } from './local-folder.js';
import { startDatabase } from './postgres/database.js';
import { startApi } from './api-process.js';
import { apiEnvironment } from './api-environment.js';
import { startEmulator } from '../../emulator/src/index.js';

/** `npm start`: PostgreSQL, the emulator and the api on loopback, until Ctrl-C. */
async function main(): Promise<void> {
  const folder = new LocalFolder();
  const port = Number(process.env.PORT ?? 3000);
  const other = await folder.running();
  if (other) throw new Error(`The local environment runs already, as process ${other.processId}.`);

  const closers: (() => Promise<void>)[] = [];
  let isStopping = false;
  const stop = async (exitCode: number): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    await folder.withdraw();
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
    const database = await startDatabase(folder, process.env.DATABASE_URL);
    closers.push(async () => database.stop());
    console.log('Starting the emulator of Entra ID, ACS and Key Vault …');
    const emulator = await startEmulator({ directory: folder.emulator, persist: true });
    closers.push(async () => emulator.stop());
    console.log('Starting the api …');
    const api = await startApi({
      ...inherited(),
      ...apiEnvironment(emulator, database.serviceUrl),
      PORT: String(port),
    });
    closers.push(async () => api.stop());
    void api.ended.then(async (code) => {
      if (!isStopping) console.error(`The api ended by itself, with exit code ${code}.`);
      await stop(1);
    });
    await folder.announce({
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
    console.log(firstCall(api.url));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    await stop(1);
  }
}

/** What the api may take over from the shell: where programs are, and settings of its own to try out. */
function inherited(): Record<string, string | undefined> {
  const { DATABASE_URL: _given, ...rest } = process.env;
  return rest;
}

function firstCall(apiUrl: string): string {
  return `
Ready: ${apiUrl} (what it offers: ${apiUrl}/docs). Ctrl-C stops it; the data stay in .local/.
This is for development: Entra ID, ACS and Key Vault are emulated.

Try it, in another terminal:

  curl -X POST ${apiUrl}/v1/me/tokens \\
    -H "authorization: Bearer $(npm run -s token -- alice)" \\
    -H 'content-type: application/json' -d '{}'
`;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
