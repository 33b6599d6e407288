import { Logger, InvalidSettings } from '#libs/platform';
import { createApi } from './create-api.js';
import { httpSettings, type HttpSettings } from '#libs/composition';

/** sysexits.h: something in the configuration is wrong. */
const EX_CONFIG = 78;

async function main(): Promise<void> {
  const app = await createApi(process.env);
  const { host, port, shutdownTimeoutMs } = app.get<HttpSettings>(httpSettings.key);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // Nest ends the process when all requests are answered; this ends it when they never are.
    process.once(signal, () => setTimeout(() => process.exit(1), shutdownTimeoutMs).unref());
  }
  await app.listen(port, host);
  app.get(Logger).info({ address: await app.getUrl() }, 'listening');
}

main().catch((error: unknown) => {
  const isConfiguration = error instanceof InvalidSettings;
  const message = isConfiguration
    ? error.message
    : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`${message}\n`);
  process.exit(isConfiguration ? EX_CONFIG : 1);
});
