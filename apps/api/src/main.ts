import { Logger, InvalidSettings } from '#libs/platform';
import { createApi } from './create-api.js';
import { httpSettings, type HttpSettings } from '#libs/composition';

/** sysexits.h: something in the configuration is wrong. */
const EX_CONFIG = 78;

async function main(): Promise<void> {
  // As process 1 of a container, a process without a listener would ignore the signal.
  const endAtOnce = (): void => process.exit(0);
  const ends = ['SIGTERM', 'SIGINT', 'SIGHUP', 'disconnect'] as const;
  for (const end of ends) process.on(end, endAtOnce);
  const app = await createApi(process.env);
  for (const end of ends) process.off(end, endAtOnce);
  const { host, port } = app.get<HttpSettings>(httpSettings.key);
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
